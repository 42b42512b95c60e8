//! A store with keys of its own, and a way around it.

use longshore_core::Settings;
use longshore_redis::Redis;
use redis::aio::MultiplexedConnection;

pub struct Bench {
    pub store: Redis,
    pub settings: Settings,
    pub by_hand: MultiplexedConnection,
    pub prefix: String,
}

impl Bench {
    pub async fn open() -> Bench {
        let server = longshore_testbed::Redis::shared();
        let (settings, prefix) = (Settings::default(), format!("hands-{:016x}", fastrand::u64(..)));
        let store = Redis::open(&format!("{}?prefix={prefix}", server.url()), settings.clone()).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let by_hand = client.get_multiplexed_async_connection().await.unwrap();
        Bench { store, settings, by_hand, prefix }
    }
}

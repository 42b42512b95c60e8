//! A store with its own keys, and a connection that reads and writes these keys directly.

use longshore_core::Settings;
use longshore_redis::Redis;
use redis::aio::MultiplexedConnection;

pub struct Bench {
    pub store: Redis,
    pub settings: Settings,
    pub raw: MultiplexedConnection,
    pub prefix: String,
}

impl Bench {
    pub async fn open() -> Bench {
        let server = longshore_testbed::Redis::shared();
        let (settings, prefix) = (Settings::default(), format!("raw-{:016x}", fastrand::u64(..)));
        let store = Redis::open(&format!("{}?prefix={prefix}", server.url()), settings.clone()).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let raw = client.get_multiplexed_async_connection().await.unwrap();
        Bench { store, settings, raw, prefix }
    }
}

//! The Lua function `admit` agrees with the Rust one, for random rules and times.

use longshore_core::{Pause, QueueState, Rules, Settings, Timestamp, admit};
use longshore_redis::{Redis, testing};

/// Returns random rules: paused or not, without an end or until a time near `now`, and sometimes with unknown rules.
fn rules(random: &mut fastrand::Rng, now: Timestamp) -> Rules {
    let until = match random.u8(0..4) {
        0 => None,
        1 => Some(now),
        _ => Some(Timestamp::from_millis(now.as_millis() + random.i64(-3..=3))),
    };
    let pause = random.bool().then_some(Pause { since: now, until, reason: None, by: None });
    let mut rules = Rules::pausing(pause).at_version(random.u64(..));
    rules.has_unknown = random.u8(0..5) == 0;
    rules
}

#[tokio::test]
async fn lua_admits_what_rust_admits() {
    let url = format!("{}?prefix=admit", longshore_testbed::Redis::shared().url());
    let store = Redis::open(&url, Settings::default()).await.unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}"); // visible if the test fails
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cases = Vec::new();
    for _ in 0..5_000 {
        let now = Timestamp::from_millis(random.i64(1_000..4_000_000_000_000));
        cases.push((rules(&mut random, now), now));
    }
    let said = testing::admissions(&store, &cases).await.unwrap();
    assert_eq!(said.len(), cases.len());
    for ((rules, now), said) in cases.into_iter().zip(said) {
        assert_eq!(said, admit(&rules, QueueState::default(), now), "{rules:?} at {now}");
    }
}

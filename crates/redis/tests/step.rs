//! The Lua function `step` agrees with the Rust one, for every event in every state and at the limits of all numbers.

use longshore_core::state::{Event, Facts, every_other_event, every_outcome, step};
use longshore_core::{Settings, State, limits};
use longshore_redis::{Redis, testing};

fn all_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for state in State::ALL {
        for (attempt, outages) in [(0, 0), (1, 0), (1, 1), (2, 7), (999, 0), (1_000, u16::MAX)] {
            for crashes in 0..=limits::CRASHES + 1 {
                for interruptions in [0, 1, 70_000] {
                    for cancel_asked in [false, true] {
                        all.push(Facts { state, attempt, crashes, interruptions, outages, cancel_asked });
                    }
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn lua_steps_agree_with_rust() {
    let url = format!("{}?prefix=step", longshore_testbed::Redis::shared().url());
    let store = Redis::open(&url, Settings::default()).await.unwrap();
    let outcomes = every_outcome();
    let events: Vec<Event<'_>> = outcomes.iter().map(Event::Settle).chain(every_other_event()).collect();
    let mut cases = Vec::new();
    for facts in all_facts() {
        cases.extend(events.iter().map(|event| (facts, event.clone())));
    }
    let moves = testing::steps(&store, &cases).await.unwrap();
    assert_eq!(moves.len(), cases.len());
    for ((facts, event), said) in cases.into_iter().zip(moves) {
        assert_eq!(said, step(facts, event.clone()), "{event:?} of {facts:?}");
    }
}

//! The scripts' `step` says the same as Rust's, for every event in every state at every edge of the numbers.

use std::time::Duration;

use longshore_core::state::{Event, Facts, step};
use longshore_core::{Death, Outcome, Reason, Settings, State, limits};
use longshore_redis::{Redis, testing};

fn outcomes() -> Vec<Outcome> {
    let message = String::new();
    let mut outcomes = vec![Outcome::Succeed { result: None }, Outcome::Release, Outcome::Cancel];
    for delay in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3_600), limits::AHEAD] {
        outcomes.push(Outcome::Retry { delay, message: message.clone() });
        outcomes.push(Outcome::Outage { delay, message: message.clone() });
        outcomes.push(Outcome::Snooze { delay });
    }
    outcomes.extend(Reason::ALL.map(|reason| Outcome::Bury { reason, message: message.clone() }));
    outcomes
}

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
async fn scripts_move_jobs_as_the_one_function_that_knows_every_move() {
    let url = format!("{}?prefix=step", longshore_testbed::Redis::shared().url());
    let store = Redis::open(&url, Settings::default()).await.unwrap();
    let outcomes = outcomes();
    let mut events: Vec<Event<'_>> = outcomes.iter().map(Event::Settle).collect();
    events.extend([Event::Due, Event::Claim, Event::Cancel, Event::Retry]);
    events.extend([Death::Interrupted, Death::Crashed].map(Event::Lose));
    events.extend(Reason::ALL.map(Event::Bury));
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

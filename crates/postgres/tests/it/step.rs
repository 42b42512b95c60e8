//! The schema's `step` makes the same transitions as core's.

use std::time::Duration;

use longshore_core::state::{Event, Facts, every_other_event, every_outcome, step};
use longshore_core::{Death, Outcome, Reason, State};
use longshore_postgres::tokio_postgres::types::Type;

use crate::common::{Schema, connect};

/// An event, with its number, its delay and its reason in the form of the schema.
type Case<'a> = (Event<'a>, i16, Option<i64>, Option<&'static str>);

fn settled(outcome: &Outcome) -> Case<'_> {
    let ms = |delay: &Duration| Some(delay.as_millis() as i64);
    let (number, delay, why) = match outcome {
        Outcome::Succeed { .. } => (0, None, None),
        Outcome::Retry { delay, .. } => (1, ms(delay), None),
        Outcome::Snooze { delay } => (2, ms(delay), None),
        Outcome::Release => (3, None, None),
        Outcome::Bury { reason, .. } => (4, None, Some(reason.as_str())),
        Outcome::Cancel => (5, None, None),
        Outcome::Outage { delay, .. } => (13, ms(delay), None),
    };
    (Event::Settle(outcome), number, delay, why)
}

fn other(event: Event<'_>) -> Case<'_> {
    let (number, why) = match event {
        Event::Settle(_) => unreachable!("it is no other event"),
        Event::Lose(Death::Interrupted) => (6, None),
        Event::Lose(Death::Crashed) => (7, None),
        Event::Due => (8, None),
        Event::Claim => (9, None),
        Event::Cancel => (10, None),
        Event::Retry => (11, None),
        Event::Bury(reason) => (12, Some(reason.as_str())),
    };
    (event, number, None, why)
}

fn every_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for state in State::ALL {
        for (attempt, outages) in [(0, 0), (0, 3), (1, 0), (1, 1), (2, 7), (1_000, 0), (1_000, 1_000)] {
            for crashes in 0..=2 {
                for interruptions in [0, 7] {
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
async fn every_event_takes_every_job_where_core_says() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let facts = every_facts();
    let sql = schema.sql(
        "SELECT f.place, s.to_state, s.to_attempt, s.to_crashes, s.to_interruptions, s.to_outages, s.to_cancel_asked, s.wait, s.reason
         FROM unnest($1::int2[], $2::int2[], $3::int2[], $4::int4[], $5::int2[], $6::bool[]) WITH ORDINALITY
              AS f (state, attempt, crashes, interruptions, outages, cancel_asked, place)
         CROSS JOIN LATERAL longshore.step(f.state, f.attempt, f.crashes, f.interruptions, f.outages, f.cancel_asked, $7, $8, $9) s",
    );
    let small = |value: fn(&Facts) -> u16| facts.iter().map(|facts| value(facts) as i16).collect::<Vec<_>>();
    let outcomes = every_outcome();
    for (event, number, delay, why) in outcomes.iter().map(settled).chain(every_other_event().into_iter().map(other)) {
        let params: [(&(dyn longshore_postgres::tokio_postgres::types::ToSql + Sync), Type); 9] = [
            (&small(|facts| facts.state as u16), Type::INT2_ARRAY),
            (&small(|facts| facts.attempt), Type::INT2_ARRAY),
            (&small(|facts| facts.crashes), Type::INT2_ARRAY),
            (&facts.iter().map(|facts| facts.interruptions as i32).collect::<Vec<_>>(), Type::INT4_ARRAY),
            (&small(|facts| facts.outages), Type::INT2_ARRAY),
            (&facts.iter().map(|facts| facts.cancel_asked).collect::<Vec<_>>(), Type::BOOL_ARRAY),
            (&number, Type::INT2),
            (&delay, Type::INT8),
            (&why, Type::TEXT),
        ];
        let rows = client.query_typed(&sql, &params).await.unwrap();
        let mut moves = vec![None; facts.len()];
        for row in rows {
            let place: i64 = row.get(0);
            let to = Facts {
                state: State::ALL[row.get::<_, i16>(1) as usize],
                attempt: row.get::<_, i16>(2) as u16,
                crashes: row.get::<_, i16>(3) as u16,
                interruptions: row.get::<_, i32>(4) as u32,
                outages: row.get::<_, i16>(5) as u16,
                cancel_asked: row.get(6),
            };
            let wait = row.get::<_, Option<i64>>(7).map(|ms| Duration::from_millis(ms as u64));
            let reason = row.get::<_, Option<&str>>(8).map(|reason| reason.parse::<Reason>().unwrap());
            moves[place as usize - 1] = Some((to, wait, reason));
        }
        for (facts, moved) in facts.iter().zip(moves) {
            let expected = step(*facts, event.clone()).map(|next| (next.facts, next.wait, next.reason));
            assert_eq!(moved, expected, "{event:?} of {facts:?}");
        }
    }
}

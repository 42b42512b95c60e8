//! The schema's `admit` answers the same as core's.

use longshore_core::{Admission, HeldBackReason, Pause, QueueState, Rules, Timestamp, admit};
use longshore_postgres::tokio_postgres::types::Type;

use crate::common::{Schema, connect};

fn any_rules() -> Rules {
    let near = || Timestamp::from_millis(fastrand::i64(1..20));
    let pause = Pause { since: near(), until: fastrand::bool().then(near), reason: None, by: None };
    match fastrand::u8(..4) {
        0 => Rules::from_text(1, r#"{"newer":1}"#),
        1 => Rules::default().at_version(1),
        _ => Rules::pausing(Some(pause)).at_version(1),
    }
}

#[tokio::test]
async fn random_rules_admit_in_the_schema_what_core_says() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let sql = schema.sql(
        "SELECT a.most, a.why, a.until
         FROM unnest($1::int4[], $2::int4[], $3::int8[], $4::int8[]) WITH ORDINALITY AS f (level, known, paused_until, now, place)
         CROSS JOIN LATERAL longshore.admit(f.level, f.known, f.paused_until, f.now) a ORDER BY f.place",
    );
    let walk: Vec<(Rules, u16, i64)> =
        (0..2_000).map(|_| (any_rules(), fastrand::u16(0..=Rules::LEVEL), fastrand::i64(1..20))).collect();
    let rows = client
        .query_typed(
            &sql,
            &[
                (&walk.iter().map(|(rules, ..)| i32::from(rules.level())).collect::<Vec<_>>(), Type::INT4_ARRAY),
                (&walk.iter().map(|(_, known, _)| i32::from(*known)).collect::<Vec<_>>(), Type::INT4_ARRAY),
                (&walk.iter().map(|(rules, ..)| rules.paused_until_ms()).collect::<Vec<_>>(), Type::INT8_ARRAY),
                (&walk.iter().map(|(.., now)| *now).collect::<Vec<_>>(), Type::INT8_ARRAY),
            ],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), walk.len());
    for ((rules, known, now), row) in walk.iter().zip(rows) {
        let expected = if rules.level() > *known {
            Admission::UNKNOWN
        } else {
            admit(rules, QueueState::default(), Timestamp::from_millis(*now))
        };
        let said = (row.get::<_, Option<i64>>(0), row.get::<_, Option<&str>>(1), row.get::<_, Option<i64>>(2));
        let expected = (
            (expected.most < usize::MAX).then_some(expected.most as i64),
            expected.why.map(HeldBackReason::as_str),
            expected.until.map(Timestamp::as_millis),
        );
        assert_eq!(said, expected, "{rules:?} at {now}, known {known}");
    }
}

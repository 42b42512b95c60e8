//! The schema's rules of unique keys answer the same as core's.

use longshore_core::state::{every_scope, gives_key_back, holds_key, kept_for_key, key_until};
use longshore_core::{State, Timestamp, UniqueScope, millis};
use longshore_postgres::tokio_postgres::types::Type;

use crate::common::{Schema, connect};

/// A scope in the form of the schema.
fn number(scope: UniqueScope) -> i64 {
    match scope {
        UniqueScope::UntilStarted => 0,
        UniqueScope::UntilFinished => 1,
        UniqueScope::For(period) => millis(period) + 2,
    }
}

#[tokio::test]
async fn every_scope_ends_in_the_schema_where_core_says() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let sql = schema.sql("SELECT longshore.gives_key_back($1, $2), longshore.key_until($1, $3)");
    for scope in every_scope() {
        for to in State::ALL {
            let now: i64 = fastrand::i64(..1 << 42);
            let params: [(&(dyn longshore_postgres::tokio_postgres::types::ToSql + Sync), Type); 3] =
                [(&number(scope), Type::INT8), (&(to as i16), Type::INT2), (&now, Type::INT8)];
            let row = client.query_typed_one(&sql, &params).await.unwrap();
            assert_eq!(row.get::<_, bool>(0), gives_key_back(scope, to), "{scope:?} in {to}");
            let until = key_until(scope, Timestamp::from_millis(now)).map(Timestamp::as_millis);
            assert_eq!(row.get::<_, Option<i64>>(1), until, "{scope:?} at {now}");
        }
    }
}

#[tokio::test]
async fn held_keys_count_and_keep_their_rows_in_the_schema_as_core_says() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let sql = schema.sql("SELECT longshore.holds_key($1, $2), longshore.kept_for_key($2, $1)");
    for until in [None, Some(0), Some(4), Some(5), Some(6), Some(i64::MAX)] {
        for now in [0_i64, 4, 5, 6, i64::MAX] {
            let params: [(&(dyn longshore_postgres::tokio_postgres::types::ToSql + Sync), Type); 2] =
                [(&until, Type::INT8), (&now, Type::INT8)];
            let row = client.query_typed_one(&sql, &params).await.unwrap();
            let (held, at) = (until.map(Timestamp::from_millis), Timestamp::from_millis(now));
            assert_eq!(row.get::<_, bool>(0), holds_key(held, at), "until {until:?} at {now}");
            assert_eq!(row.get::<_, i64>(1), kept_for_key(at, held).as_millis(), "until {until:?}, kept until {now}");
        }
    }
}

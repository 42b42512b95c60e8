//! Actions on a single job.

use longshore_core::{Acted, Action, Error, ErrorKind, JobId, News, Notices, State, Token};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::error;
use crate::push::uuid;
use crate::read::state;
use crate::settle::clean;

pub(crate) async fn act(store: &Postgres, id: JobId, action: Action) -> Result<Acted, Error> {
    let asked = match action {
        Action::Cancel => "cancel",
        Action::Retry => "retry",
        Action::Delete => "delete",
    };
    let (shift, _) = store.settings.clock.shift();
    let row = store
        .pool
        .row(
            "SELECT * FROM longshore.act($1, $2, $3, $4, $5)",
            &[
                (&uuid(id), Type::UUID),
                (&asked, Type::TEXT),
                (&shift, Type::INT8),
                (&store.keep_finished(), Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await?;
    let read =
        || Ok((row.try_get::<_, &str>(0)?, row.try_get::<_, Option<i16>>(1)?, row.try_get::<_, Option<Uuid>>(2)?));
    let acted = match read().map_err(error::of)? {
        ("done", Some(number), _) => Acted::Done(state(number)),
        ("not", Some(number), _) => Acted::WrongState(state(number)),
        ("conflict", _, Some(other)) => Acted::Conflict(JobId::from_bytes(other.into_bytes())),
        ("unknown", ..) => Acted::Unknown,
        (answer, ..) => {
            return Err(Error::new(ErrorKind::Corrupt, format!("bug: unknown answer `{answer}` to an action")));
        }
    };
    if let Acted::Done(state) = acted {
        let cancels = action == Action::Cancel && state == State::Running;
        let news = if action == Action::Delete { News::default() } else { News::of(id) };
        let mut notices = Notices::of_news(news);
        notices.cancels = cancels;
        store.publisher.tell(notices);
        if action == Action::Retry {
            store.publisher.notify_handed_back(vec![id]);
        }
    }
    Ok(acted)
}

/// Replaces the log of a job that the token still holds.
pub(crate) async fn write_log(store: &Postgres, id: JobId, token: Token, text: String) -> Result<bool, Error> {
    let row = store
        .pool
        .row(
            "SELECT longshore.write_log($1, $2, $3, $4)",
            &[
                (&uuid(id), Type::UUID),
                (&(token.number as i64), Type::INT8),
                (&(token.bits as i64), Type::INT8),
                (&clean(&text), Type::TEXT),
            ],
        )
        .await?;
    row.try_get(0).map_err(error::of)
}

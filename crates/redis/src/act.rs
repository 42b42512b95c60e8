//! Actions of people on one job: cancel, retry, delete.

use longshore_core::{Acted, Action, Error, JobId, State};

use crate::base::Base;
use crate::error;
use crate::library;
use crate::reader::Reader;
use crate::shared::*;

pub(crate) async fn act(base: &Base, id: JobId, action: Action) -> Result<Acted, Error> {
    let number = match action {
        Action::Cancel => CANCEL,
        Action::Retry => RETRY_BY_HAND,
        Action::Delete => DELETE,
    };
    let call = base.framed(&library::ACT, &base.keys.of_tag(id.queue_tag())).arg(id.as_bytes()).number(number);
    let answer = call.bytes().await?;
    let read = || {
        let mut from = Reader(&answer);
        let (code, state) = (i64::from(from.u8()?), usize::from(from.u8()?));
        let state = State::ALL.get(state).copied()?;
        Some(match code {
            UNKNOWN_JOB => Acted::Unknown,
            ACTED => Acted::Done(state),
            CANNOT => Acted::WrongState(state),
            KEY_TAKEN => Acted::Conflict(JobId::from_bytes(from.array()?)),
            _ => return None,
        })
    };
    read().ok_or_else(|| error::unexpected("act"))
}

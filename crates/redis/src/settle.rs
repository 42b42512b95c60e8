//! Keeping, ending and losing claims.

use longshore_core::{
    Death, Error, JobId, Outcome, Reason, Renewal, Renewed, Settled, Settlement, Stored, Token, WorkerId, limits,
    millis, name::cut,
};

use crate::base::{Base, each_group, group};
use crate::error;
use crate::record::{Reader, is_small, write_progress, write_result, write_small};
use crate::script;
use crate::shared::*;

/// What is noted of a job whose worker died.
const DIED: &str = "the worker process died, or could not renew its lease";

pub(crate) async fn renew(base: &Base, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
    let groups = group(renewals, |renewal| renewal.id.queue_tag());
    each_group(groups, |tag, renewals| async move {
        let mut call = base.framed(&script::RENEW, &base.keys.of_tag(tag));
        for renewal in &renewals {
            let mut head = claim_of(renewal.id, renewal.token);
            head.extend(millis(renewal.lease).min(FAR).to_le_bytes());
            head.push(u8::from(renewal.progress.is_some()));
            call = call.arg(head).args(renewal.progress.iter().map(write_progress));
        }
        let answer = |code: i64| match code {
            LOST => Some(Renewed::Lost),
            HELD => Some(Renewed::Held),
            CANCEL_ASKED => Some(Renewed::CancelAsked),
            _ => None,
        };
        read_answers(base, "renew", &call.bytes().await?, renewals.len(), answer)
    })
    .await
}

pub(crate) async fn settle(base: &Base, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
    let groups = group(settlements, |settlement| settlement.id.queue_tag());
    each_group(groups, |tag, settlements| async move {
        let mut call = base.framed(&script::SETTLE, &base.keys.of_tag(tag));
        for settlement in &settlements {
            call = call.args(write_settlement(settlement)?);
        }
        let answer = |code: i64| match code {
            LOST => Some(Settled::Lost),
            DONE => Some(Settled::Done),
            _ => None,
        };
        read_answers(base, "settle", &call.bytes().await?, settlements.len(), answer)
    })
    .await
}

/// Makes a job dead that was handed out and cannot be read; where another has it by now, it is his to find that out.
pub(crate) async fn bury(base: &Base, id: JobId, token: Token, why: &str) -> Result<(), Error> {
    let outcome = Outcome::Bury { reason: Reason::Corrupt, message: why.to_owned() };
    settle(base, vec![Settlement { id, token, outcome, progress: None }]).await.map(|_| ())
}

/// Writes a claim: id and token, the number big-endian as it is kept.
fn claim_of(id: JobId, token: Token) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.extend(id.as_bytes());
    bytes.extend(token_bytes(token));
    bytes
}

fn token_bytes(token: Token) -> [u8; 16] {
    ((u128::from(token.number) << 64) | u128::from(token.bits)).to_be_bytes()
}

/// Writes a settlement: its head, and what comes along.
fn write_settlement(settlement: &Settlement) -> Result<Vec<Vec<u8>>, Error> {
    let Settlement { id, token, outcome, progress } = settlement;
    let (event, carried, message, result) = match outcome {
        Outcome::Succeed { result } => (SUCCEED, 0, None, result.as_ref()),
        Outcome::Retry { delay, message } => (RETRY, bounded(*delay), Some(message), None),
        Outcome::Snooze { delay } => (SNOOZE, bounded(*delay), None, None),
        Outcome::Release => (RELEASE, 0, None, None),
        Outcome::Bury { reason, message } => (GIVE_UP, reason_number(*reason)?, Some(message), None),
        Outcome::Cancel => (CALL_OFF, 0, None, None),
        other => return Err(Error::invalid(format!("an outcome that this store does not know: {other:?}"))),
    };
    let (mut along, mut args) = (0, vec![Vec::new()]);
    if let Some(message) = message {
        along |= WITH_MESSAGE;
        args.push(cut(message, limits::FAILURE_BYTES).as_bytes().to_vec());
    }
    let mut small = None;
    if let Some(result) = result {
        if !matches!(result, Stored::Inline(_)) {
            along |= WITH_ARTIFACT;
        }
        let result = write_result(result);
        // Where an artifact is must be known to whoever deletes the job, so that it is part of the record in any case.
        if is_small(&result) || along & WITH_ARTIFACT != 0 {
            along |= WITH_RESULT;
            small = Some(result);
        } else {
            along |= WITH_LARGE_RESULT;
            args.push(result);
        }
    }
    if let Some(progress) = progress {
        along |= WITH_PROGRESS;
        args.push(write_progress(progress));
    }
    args[0] = claim_of(*id, *token);
    args[0].push(event as u8);
    args[0].extend(carried.to_le_bytes());
    args[0].push(along as u8);
    if let Some(result) = small {
        write_small(&mut args[0], &result);
    }
    Ok(args)
}

/// Reads the bells and a number a job, and rings.
fn read_answers<T>(
    base: &Base,
    script: &str,
    answer: &[u8],
    count: usize,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let (bells, codes) = answer.split_first().ok_or_else(|| error::unexpected(script))?;
    base.ring(*bells);
    let answers: Option<Vec<T>> = codes.iter().map(|code| read(i64::from(*code))).collect();
    answers.filter(|answers| answers.len() == count).ok_or_else(|| error::unexpected(script))
}

/// Replaces the log of a job that the token still holds.
pub(crate) async fn write_log(base: &Base, id: JobId, token: Token, text: String) -> Result<bool, Error> {
    let call = base.framed(&script::WRITE_LOG, &base.keys.of_tag(id.queue_tag()));
    let answer = call.arg(id.as_bytes()).arg(token_bytes(token)).arg(text).run().await?;
    Ok(answer == redis::Value::Int(1))
}

/// Takes all jobs from a worker that is gone, and refuses its later claims.
pub(crate) async fn release_worker(base: &Base, worker: WorkerId, death: Death) -> Result<usize, Error> {
    let shift = base.settings.clock.shift().0;
    let mark = base.call(&script::MARK_RELEASED, &base.keys.of_all()).number(shift).arg(worker.as_bytes());
    mark.run().await?;
    let (event, failure) = match death {
        Death::Crashed => (CRASH, DIED),
        Death::Interrupted => (INTERRUPT, ""),
    };
    let mut released = 0;
    for queue in base.queues().await?.into_keys() {
        loop {
            let call = base.framed(&script::RELEASE, &base.keys.of_queue(&queue)).arg(queue.as_str());
            let call = call.arg(worker.as_bytes()).number(event).arg(failure);
            let answer = call.bytes().await.map_err(Error::perhaps_done)?;
            let mut from = Reader(&answer);
            let read = from.u8().zip(from.u32()).zip(from.u8());
            let ((bells, taken), more) = read.ok_or_else(|| error::unexpected("release"))?;
            base.ring(bells);
            released += taken as usize;
            if more == 0 {
                break;
            }
        }
    }
    Ok(released)
}

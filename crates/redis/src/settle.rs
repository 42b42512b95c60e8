//! Renews and settles claims, and writes logs.

use longshore_core::{
    Answers, Error, JobId, Outcome, Renewal, Renewed, Settled, Settlement, Stored, Token, limits, millis, name::cut,
};
use redis::Value;

use crate::base::Base;
use crate::call::Call;
use crate::error;
use crate::groups::{each_group, group};
use crate::layout::token_bytes;
use crate::library;
use crate::record::{is_small, write_progress, write_result, write_small};
use crate::shared::*;

pub(crate) async fn renew(base: &Base, renewals: Vec<Renewal>) -> Answers<Renewed> {
    let groups = group(renewals, |renewal| renewal.id.queue_tag());
    each_group(groups, |tag, renewals| async move {
        let mut call = base.framed(&library::RENEW, &base.keys.of_tag(tag));
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
        read_answers("renew", &call.bytes().await?, renewals.len(), answer)
    })
    .await
}

pub(crate) async fn settle(base: &Base, settlements: Vec<Settlement>) -> Answers<Settled> {
    let groups = group(settlements, |settlement| settlement.id.queue_tag());
    each_group(groups, |tag, settlements| async move {
        let answer = call(base, tag, &settlements).bytes().await?;
        read(&answer, settlements.len())
    })
    .await
}

/// Makes the call that settles jobs of the queues with this tag.
pub(crate) fn call<'a>(base: &'a Base, tag: u16, settlements: &[Settlement]) -> Call<'a> {
    let call = base.framed(&library::SETTLE, &base.keys.of_tag(tag));
    settlements.iter().fold(call, add)
}

/// Reads the answer to a call that settles `count` jobs.
pub(crate) fn read(answer: &[u8], count: usize) -> Result<Vec<Settled>, Error> {
    let settled = |code: i64| match code {
        LOST => Some(Settled::Lost),
        DONE => Some(Settled::Done),
        _ => None,
    };
    read_answers("settle", answer, count, settled)
}

/// Writes the id and the token of a claim.
fn claim_of(id: JobId, token: Token) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.extend(id.as_bytes());
    bytes.extend(token_bytes(&token));
    bytes
}

/// Returns the number of an outcome's event for the functions, and the event's value.
pub(crate) fn event(outcome: &Outcome) -> (i64, i64) {
    match outcome {
        Outcome::Succeed { .. } => (SUCCEED, 0),
        Outcome::Retry { delay, .. } => (RETRY, bounded(*delay)),
        Outcome::Outage { delay, .. } => (OUTAGE, bounded(*delay)),
        Outcome::Snooze { delay } => (SNOOZE, bounded(*delay)),
        Outcome::Release => (RELEASE, 0),
        Outcome::Bury { reason, .. } => (SETTLE_BURY, i64::from(reason.number())),
        Outcome::Cancel => (SETTLE_CANCEL, 0),
    }
}

/// Adds a settlement to a call.
fn add<'a>(call: Call<'a>, settlement: &Settlement) -> Call<'a> {
    let Settlement { id, token, outcome, progress } = settlement;
    let (event, carried) = event(outcome);
    let (mut along, mut class_number, mut parts) = (0, 0, Vec::new());
    if let Some((class, message)) = outcome.failure() {
        along |= WITH_MESSAGE;
        class_number = class.number();
        parts.push(cut(message, limits::FAILURE_BYTES).as_bytes().to_vec());
    }
    if let Outcome::Succeed { result: Some(result) } = outcome {
        let is_artifact = !matches!(result, Stored::Inline(_));
        let bytes = write_result(result);
        // Upkeep needs the name of the artifact when it deletes the job, so this is always part of the record.
        if is_small(&bytes) || is_artifact {
            along |= WITH_RESULT + if is_artifact { WITH_ARTIFACT } else { 0 };
            let mut small = Vec::with_capacity(bytes.len() + 2);
            write_small(&mut small, &bytes);
            parts.push(small);
        } else {
            along |= WITH_LARGE_RESULT;
            parts.push(bytes);
        }
    }
    if let Some(progress) = progress {
        along |= WITH_PROGRESS;
        parts.push(write_progress(progress));
    }
    let mut head = claim_of(*id, *token);
    head.push(event as u8);
    head.extend(carried.to_le_bytes());
    head.extend([along as u8, class_number]);
    call.arg(head).args(parts)
}

/// Reads one number for each job.
fn read_answers<T>(
    function: &str,
    answer: &[u8],
    count: usize,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let answers: Option<Vec<T>> = answer.iter().map(|code| read(i64::from(*code))).collect();
    answers.filter(|answers| answers.len() == count).ok_or_else(|| error::unexpected(function))
}

/// Replaces the log of a claim, if its token is the job's newest.
pub(crate) async fn write_log(base: &Base, id: JobId, token: Token, text: String) -> Result<bool, Error> {
    let call = base.call(&library::WRITE_LOG, &base.keys.of_tag(id.queue_tag()));
    let call = call.arg(id.as_bytes()).arg(token_bytes(&token)).arg(token.number.to_string()).arg(text);
    Ok(call.run().await? == Value::Int(1))
}

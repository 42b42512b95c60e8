//! Keeping, ending and losing claims.

use longshore_core::{
    Death, Error, JobId, Outcome, Reason, Renewal, Renewed, Settled, Settlement, Stored, Token, WorkerId, limits,
    millis, name::cut,
};

use crate::base::{Base, Call, each_group, group, record_key};
use crate::error;
use crate::record::{Reader, is_small, write_progress, write_result, write_small};
use crate::script;
use crate::shapes::Shapes;
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
        let root = base.keys.of_tag(tag);
        let mut batch = Batch::default();
        for settlement in &settlements {
            batch.add(&root, settlement)?;
        }
        let call = batch.args(base.framed(&script::SETTLE, &root));
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

/// Settlements as the script takes them: what they have in common once.
#[derive(Default)]
struct Batch {
    shapes: Shapes,
    /// What the records are called.
    keys: Vec<Vec<u8>>,
    /// Tokens, each with the result where that is small.
    tokens: Vec<Vec<u8>>,
    along: Vec<Vec<u8>>,
}

impl Batch {
    fn add(&mut self, root: &str, settlement: &Settlement) -> Result<(), Error> {
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
        let (mut along, mut claim) = (0, token_bytes(*token).to_vec());
        if let Some(message) = message {
            along |= WITH_MESSAGE;
            self.along.push(cut(message, limits::FAILURE_BYTES).as_bytes().to_vec());
        }
        if let Some(result) = result {
            if !matches!(result, Stored::Inline(_)) {
                along |= WITH_ARTIFACT;
            }
            let result = write_result(result);
            // Where an artifact is must be known to whoever deletes the job, so that it is part of the record in any case.
            if is_small(&result) || along & WITH_ARTIFACT != 0 {
                along |= WITH_RESULT;
                write_small(&mut claim, &result);
            } else {
                along |= WITH_LARGE_RESULT;
                self.along.push(result);
            }
        }
        if let Some(progress) = progress {
            along |= WITH_PROGRESS;
            self.along.push(write_progress(progress));
        }
        let mut shape = vec![event as u8];
        shape.extend(carried.to_le_bytes());
        shape.push(along as u8);
        self.shapes.add(shape);
        self.keys.push(record_key(root, *id));
        self.tokens.push(claim);
        Ok(())
    }

    fn args<'a>(&self, call: Call<'a>) -> Call<'a> {
        let counts = [self.keys.len(), self.shapes.len()];
        let counts: Vec<u8> = counts.iter().flat_map(|count| (*count as u32).to_le_bytes()).collect();
        let call = self.shapes.args(call.arg(counts).arg(self.shapes.numbers()));
        call.args(&self.keys).args(&self.tokens).args(&self.along)
    }
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

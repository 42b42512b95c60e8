//! Keeping, ending and losing claims.

use longshore_core::{
    Answers, Death, Error, Gone, JobId, Moved, Outcome, QueueName, Reason, Renewal, Renewed, Settled, Settlement,
    Stored, Token, WorkerId, limits, millis, name::cut,
};
use redis::Value;

use crate::base::{Base, Call, bytes, each_group, group, moved, record_key};
use crate::error;
use crate::record::{is_small, write_progress, write_result, write_small};
use crate::script;
use crate::shapes::Shapes;
use crate::shared::*;

pub(crate) async fn renew(base: &Base, renewals: Vec<Renewal>) -> Answers<Renewed> {
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

/// Makes the call that settles jobs of the queues with that tag.
pub(crate) fn call<'a>(base: &'a Base, tag: u16, settlements: &[Settlement]) -> Call<'a> {
    let root = base.keys.of_tag(tag);
    let mut batch = Batch::default();
    for settlement in settlements {
        batch.add(&root, settlement);
    }
    batch.args(base.framed(&script::SETTLE, &root))
}

/// Reads the answer to a call that settles so many jobs.
pub(crate) fn read(answer: &[u8], count: usize) -> Result<Vec<Settled>, Error> {
    let settled = |code: i64| match code {
        LOST => Some(Settled::Lost),
        DONE => Some(Settled::Done),
        _ => None,
    };
    read_answers("settle", answer, count, settled)
}

/// Makes a job dead that was handed out and cannot be read; where another has it by now, it is his to find that out.
pub(crate) async fn bury(base: &Base, id: JobId, token: Token, why: &str) -> Result<Settled, Error> {
    let outcome = Outcome::Bury { reason: Reason::Corrupt, message: why.to_owned() };
    let mut answers = settle(base, vec![Settlement::new(id, token, outcome)]).await;
    answers.pop().unwrap_or_else(|| Err(error::unexpected("settle")))
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

/// Returns the event that an outcome is to scripts, and what it carries.
pub(crate) fn event(outcome: &Outcome) -> (i64, i64) {
    match outcome {
        Outcome::Succeed { .. } => (SUCCEED, 0),
        Outcome::Retry { delay, .. } => (RETRY, bounded(*delay)),
        Outcome::Outage { delay, .. } => (OUTAGE, bounded(*delay)),
        Outcome::Snooze { delay } => (SNOOZE, bounded(*delay)),
        Outcome::Release => (RELEASE, 0),
        Outcome::Bury { reason, .. } => (GIVE_UP, i64::from(reason.number())),
        Outcome::Cancel => (CALL_OFF, 0),
    }
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
    fn add(&mut self, root: &str, settlement: &Settlement) {
        let Settlement { id, token, outcome, progress } = settlement;
        let (event, carried) = event(outcome);
        let (mut along, mut claim, mut class_number) = (0, token_bytes(*token).to_vec(), 0);
        if let Some((class, message)) = outcome.failure() {
            along |= WITH_MESSAGE;
            class_number = class.number();
            self.along.push(cut(message, limits::FAILURE_BYTES).as_bytes().to_vec());
        }
        if let Outcome::Succeed { result: Some(result) } = outcome {
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
        shape.extend([along as u8, class_number]);
        self.shapes.add(shape);
        self.keys.push(record_key(root, *id));
        self.tokens.push(claim);
    }

    fn args<'a>(&self, call: Call<'a>) -> Call<'a> {
        let counts = [self.keys.len(), self.shapes.len()];
        let counts: Vec<u8> = counts.iter().flat_map(|count| (*count as u32).to_le_bytes()).collect();
        let call = self.shapes.args(call.arg(counts).arg(self.shapes.numbers()));
        call.args(&self.keys).args(&self.tokens).args(&self.along)
    }
}

/// Reads a number a job.
fn read_answers<T>(
    script: &str,
    answer: &[u8],
    count: usize,
    read: impl Fn(i64) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let answers: Option<Vec<T>> = answer.iter().map(|code| read(i64::from(*code))).collect();
    answers.filter(|answers| answers.len() == count).ok_or_else(|| error::unexpected(script))
}

/// Replaces the log of the claim with that token, where it is the job's newest.
pub(crate) async fn write_log(base: &Base, id: JobId, token: Token, text: String) -> Result<bool, Error> {
    let call = base.framed(&script::WRITE_LOG, &base.keys.of_tag(id.queue_tag()));
    let call = call.arg(id.as_bytes()).arg(token_bytes(token)).arg(token.number.to_string()).arg(text);
    Ok(call.run().await? == Value::Int(1))
}

/// Takes all jobs from a worker that is gone, and refuses its later claims. An error says that other queues were asked all the same.
pub(crate) async fn release(base: &Base, worker: WorkerId, gone: Gone) -> Result<Vec<Moved>, Error> {
    let shift = base.settings.clock.shift().0;
    let mark = base.call(&script::MARK_RELEASED, &base.keys.of_all()).number(shift).arg(worker.as_bytes());
    mark.run().await?;
    let (mut released, mut failed) = (Vec::new(), None);
    for queue in base.queues().await?.into_keys() {
        if let Err(e) = release_from(base, &queue, worker, gone, &mut released).await {
            failed = Some(e.perhaps_done());
        }
    }
    failed.map_or(Ok(released), Err)
}

/// Takes a worker's jobs of one queue, a bounded number a call.
async fn release_from(
    base: &Base,
    queue: &QueueName,
    worker: WorkerId,
    gone: Gone,
    released: &mut Vec<Moved>,
) -> Result<(), Error> {
    let (event, failure) = match gone.death {
        Death::Crashed => (CRASH, gone.to_string()),
        Death::Interrupted => (INTERRUPT, String::new()),
    };
    loop {
        let call = base.framed(&script::RELEASE, &base.keys.of_queue(queue)).arg(queue.as_str());
        let call = call.arg(worker.as_bytes()).number(event).arg(cut(&failure, limits::FAILURE_BYTES));
        let mut answer = call.list().await?.into_iter();
        let more = answer.next().and_then(bytes).ok_or_else(|| error::unexpected("release"))?;
        let taken = moved(answer.next()).ok_or_else(|| error::unexpected("release"))?;
        released.extend(taken.into_iter().map(|moved| Moved { death: Some(gone.death), ..moved }));
        if more == [0] {
            return Ok(());
        }
    }
}

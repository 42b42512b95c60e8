//! A job's record: a string with a head, a body, a run, and a small result, with the layouts of `layout.rs`.
//!
//! `lua/record.lua` reads and writes records. Rust reads them, and writes the end of the body of a new record, from its rank on.

use std::time::Duration;

use bytes::Bytes;
use longshore_core::{
    ArtifactName, Failure, JobId, KindLimits, Label, Moved, NewJob, Output, Payload, Progress, Snapshot, Status,
    Stored, Timestamp, UniqueScope, millis,
};

use crate::layout::{Body, FailureHead, Head, Layout, MovedJob, Run};
use crate::reader::Reader;
use crate::shared::*;

/// A record after parsing.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) head: Head,
    pub(crate) body: Body,
    unique: Option<Label>,
    reuse: Option<Label>,
    pub(crate) key: Option<Label>,
    alias: Option<Label>,
    pub(crate) tags: Vec<Label>,
    /// The payload, if it is part of the record.
    pub(crate) payload: Option<Vec<u8>>,
    /// All values are zero in a job that never ran.
    pub(crate) run: Run,
    result: Option<Vec<u8>>,
}

/// The length of a run in bytes.
const RUN_BYTES: usize = 3 * 8 + 6 + 2 * 16;

impl Record {
    /// Reads a record. Returns it and the bytes after it; `None` if it is corrupt.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Record, &[u8])> {
        let mut from = Reader(bytes);
        let head = Head::read(&mut from)?;
        if i64::from(head.version) != RECORD_VERSION {
            return None;
        }
        let mut rest = Reader(from.bytes(usize::from(head.length))?);
        let body = Body::read(&mut rest)?;
        let has = |flag: i64| i64::from(head.flags) & flag != 0;
        let mut label = |flag: i64| -> Option<Option<Label>> {
            if !has(flag) {
                return Some(None);
            }
            let label = rest.label()?;
            rest.i64()?;
            Some(label)
        };
        let (unique, reuse) = (label(HAS_UNIQUE)?, label(HAS_REUSE)?);
        let (mut key, mut alias, mut tags) = (None, None, Vec::new());
        if has(HAS_LABELS) {
            (key, alias) = (rest.label()?, rest.label()?);
            for _ in 0..rest.u8()? {
                tags.extend(rest.label()?);
            }
        }
        let payload = if has(PAYLOAD_BESIDE) { None } else { Some(rest.long()?.to_vec()) };
        let run = if has(HAS_RUN) { Run::read(&mut from)? } else { Run::read(&mut Reader(&[0; RUN_BYTES]))? };
        let result = if has(HAS_RESULT) && !has(RESULT_BESIDE) { Some(from.long()?.to_vec()) } else { None };
        let record = Record { head, body, unique, reuse, key, alias, tags, payload, run, result };
        Some((record, from.0))
    }

    /// Reads the head and the run of a record whose body makes no sense.
    pub(crate) fn read_ends(bytes: &[u8]) -> Option<(Head, Run)> {
        let mut from = Reader(bytes);
        let head = Head::read(&mut from)?;
        from.bytes(usize::from(head.length))?;
        Some((head, Run::read(&mut from)?))
    }

    fn has(&self, flag: i64) -> bool {
        i64::from(self.head.flags) & flag != 0
    }

    fn moment(at: i64) -> Option<Timestamp> {
        (at != 0).then(|| Timestamp::from_millis(at))
    }

    /// Returns the maximum number of attempts that the newest claim granted. Before the first claim, it is the number that the job
    /// asks for, or the default.
    pub(crate) fn max_attempts(&self) -> u16 {
        self.run.limits.attempts.unwrap_or_else(|| KindLimits::default().attempts(self.body.asked_limits.attempts))
    }

    /// Returns the time-out, by the same rules.
    pub(crate) fn timeout(&self) -> Duration {
        self.run.limits.timeout.unwrap_or_else(|| KindLimits::default().timeout(self.body.asked_limits.timeout))
    }

    /// Builds a snapshot with everything about a job.
    pub(crate) fn snapshot(self, id: JobId, parts: Parts) -> Snapshot {
        let (deadline, cancel_asked) = (self.has(HAS_DEADLINE), self.has(ASKED));
        let (max_attempts, timeout) = (self.max_attempts(), self.timeout());
        Snapshot {
            id,
            payload: Payload::from_store(&String::from_utf8_lossy(&self.payload.or(parts.payload).unwrap_or_default())),
            state: self.head.state,
            priority: -i16::from(self.body.rank),
            attempt: self.head.attempt,
            max_attempts,
            crashes: self.head.crashes,
            interruptions: self.head.interruptions,
            outages: self.head.outages,
            timeout,
            deadline: deadline.then(|| Timestamp::from_millis(self.body.deadline)),
            created_at: Timestamp::from_millis(self.body.created),
            run_at: Timestamp::from_millis(self.head.run_at),
            started_at: Record::moment(self.run.started),
            finished_at: Record::moment(self.run.finished),
            worker: self.run.worker,
            cancel_asked,
            progress: parts.progress.and_then(|text| serde_json::from_slice(&text).ok()),
            reason: self.head.reason,
            result: self.result.or(parts.result).and_then(|bytes| read_result(id, bytes)),
            failures: parts.failures.iter().filter_map(|bytes| read_failure(bytes)).collect(),
            version: u64::from(self.head.changes),
            queue: self.body.queue,
            kind: self.body.kind,
            key: self.key,
            unique_key: self.unique,
            reuse_key: self.reuse,
            alias: self.alias,
            tags: self.tags,
        }
    }

    /// Builds the status that a client polls.
    pub(crate) fn status(&self, id: JobId, progress: Option<Vec<u8>>, failure: Option<Vec<u8>>) -> Status {
        Status {
            id,
            state: self.head.state,
            attempt: self.head.attempt,
            max_attempts: self.max_attempts(),
            progress: progress.and_then(|text| serde_json::from_slice(&text).ok()),
            reason: self.head.reason,
            message: failure.and_then(|bytes| read_failure(&bytes)).map(|failure| failure.message),
            version: u64::from(self.head.changes),
        }
    }
}

/// The parts of a job that have their own keys.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) result: Option<Vec<u8>>,
    pub(crate) progress: Option<Vec<u8>>,
    pub(crate) failures: Vec<Vec<u8>>,
}

/// Returns the flags of a new job.
pub(crate) fn flags(new: &NewJob) -> i64 {
    let labels = new.key.is_some() || new.alias.is_some() || !new.tags.is_empty();
    [
        (HAS_UNIQUE, new.unique.is_some()),
        (HAS_REUSE, new.reuse.is_some()),
        (HAS_LABELS, labels),
        (HAS_DEADLINE, new.deadline.is_some()),
        (PAYLOAD_BESIDE, !is_small(new.payload.as_str().as_bytes())),
    ]
    .into_iter()
    .fold(0, |flags, (flag, set)| if set { flags | flag } else { flags })
}

/// Returns whether bytes are few enough to be part of a record.
pub(crate) fn is_small(bytes: &[u8]) -> bool {
    bytes.len() <= SMALL as usize
}

/// Writes bytes after their length.
pub(crate) fn write_small(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend((bytes.len() as u16).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// Writes the end of the body of a new job's record, from its rank on. A lower rank runs first.
pub(crate) fn write_tail(tail: &mut Vec<u8>, new: &NewJob, flags: i64) {
    let has = |flag: i64| flags & flag != 0;
    tail.push(-(new.priority.clamp(-100, 100) as i8) as u8);
    write_text(tail, new.queue.as_str());
    write_text(tail, new.kind.as_str());
    if let Some(unique) = &new.unique {
        write_text(tail, unique.key.as_str());
        let scope = match unique.scope {
            UniqueScope::UntilStarted => 0,
            UniqueScope::UntilFinished => 1,
            UniqueScope::For(period) => millis(period).min(FAR) + 2,
        };
        tail.extend(scope.to_le_bytes());
    }
    if let Some(reuse) = &new.reuse {
        write_text(tail, reuse.key.as_str());
        tail.extend(millis(reuse.within).min(FAR).to_le_bytes());
    }
    if has(HAS_LABELS) {
        write_text(tail, new.key.as_ref().map_or("", Label::as_str));
        write_text(tail, new.alias.as_ref().map_or("", Label::as_str));
        tail.push(new.tags.len() as u8);
        new.tags.iter().for_each(|tag| write_text(tail, tag.as_str()));
    }
    if !has(PAYLOAD_BESIDE) {
        write_small(tail, new.payload.as_str().as_bytes());
    }
}

/// Writes a text after its length in one byte, which is enough for names and labels.
pub(crate) fn write_text(to: &mut Vec<u8>, text: &str) {
    to.push(text.len() as u8);
    to.extend_from_slice(text.as_bytes());
}

/// The maximum length of a stored media type. Longer ones are cut.
const CONTENT_TYPE_BYTES: usize = 1_000;

/// Writes a result, or the name of its artifact.
pub(crate) fn write_result(result: &Stored) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (inline, body) = match result {
        Stored::Inline(output) => (true, output.body.as_ref()),
        _ => (false, &[][..]),
    };
    let content_type = result.content_type();
    let length = content_type.floor_char_boundary(CONTENT_TYPE_BYTES);
    bytes.push(u8::from(!inline));
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend_from_slice(&content_type.as_bytes()[..length]);
    bytes.extend_from_slice(body);
    if let Stored::Artifact { name, bytes: size, .. } = result {
        bytes.extend(name.claim.to_be_bytes());
        bytes.extend(size.to_le_bytes());
    }
    bytes
}

fn read_result(id: JobId, bytes: Vec<u8>) -> Option<Stored> {
    let mut from = Reader(&bytes);
    let artifact = from.u8()? == 1;
    let length = from.u16()?;
    let content_type = String::from_utf8_lossy(from.bytes(usize::from(length))?).into_owned();
    if artifact {
        let name = ArtifactName { job: id, claim: u64::from_be_bytes(from.array()?) };
        return Some(Stored::Artifact { name, content_type, bytes: u64::from_le_bytes(from.array()?) });
    }
    let body = bytes.len() - from.0.len();
    Some(Stored::Inline(Output::new(content_type, Bytes::from(bytes).slice(body..))))
}

/// Returns the artifact of a deleted job, from the id and the result that upkeep returned.
pub(crate) fn artifact_of(bytes: &[u8]) -> Option<ArtifactName> {
    let mut from = Reader(bytes);
    let id = JobId::from_bytes(from.array()?);
    match read_result(id, from.long()?.to_vec())? {
        Stored::Artifact { name, .. } => Some(name),
        _ => None,
    }
}

/// Writes progress in its stored form.
pub(crate) fn write_progress(progress: &Progress) -> Vec<u8> {
    serde_json::to_vec(progress).unwrap_or_default()
}

fn read_failure(bytes: &[u8]) -> Option<Failure> {
    let mut from = Reader(bytes);
    let FailureHead { ended, started, class, attempt, claim, worker } = FailureHead::read(&mut from)?;
    let claim = u64::from_be_bytes(claim);
    Some(Failure {
        at: Timestamp::from_millis(ended),
        started_at: Record::moment(started),
        class,
        attempt,
        claim: (claim != 0).then_some(claim),
        worker,
        message: String::from_utf8_lossy(from.0).into_owned(),
    })
}

/// Reads a moved job, which `describe` in `record.lua` writes.
pub(crate) fn read_moved(bytes: &[u8]) -> Option<Moved> {
    let MovedJob { id, state, attempt, crashes, reason, worker, queue, kind } = MovedJob::read(&mut Reader(bytes))?;
    Some(Moved { id, queue, kind, worker, attempt, crashes, state, reason, death: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::{Reuse, State, Unique};

    /// Writes the record of a job as the function `push` does.
    fn pushed(new: &NewJob, more: i64) -> Vec<u8> {
        let flags = flags(new) | more;
        let mut body = [5i64, 0, 0].map(i64::to_le_bytes).concat();
        body.extend(write_limits(new.max_attempts, new.timeout));
        write_tail(&mut body, new, flags);
        let head = Head {
            version: RECORD_VERSION as u8,
            state: State::Ready,
            flags: flags as u16,
            attempt: 0,
            crashes: 0,
            interruptions: 0,
            outages: 0,
            changes: 1,
            reason: None,
            length: body.len() as u16,
            run_at: 5,
        };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        assert_eq!(bytes.len() as i64, HEAD_BYTES);
        [bytes, body].concat()
    }

    fn new_job(payload: usize) -> NewJob {
        let payload = Payload::parse(&format!("\"{}\"", "x".repeat(payload))).unwrap();
        NewJob::new("mail".parse().unwrap(), "send".parse().unwrap(), payload)
    }

    fn label(text: &str) -> Label {
        text.parse().unwrap()
    }

    #[test]
    fn record_is_read_as_it_was_written_and_says_where_it_ends() {
        for (worded, payload) in [(false, 0), (true, 0), (false, 1_000), (true, 1_000)] {
            let mut new = new_job(payload);
            if worded {
                new.priority = -100;
                new.timeout = Some(Duration::from_secs(24 * 3600));
                new.unique = Some(Unique { key: label("ü"), scope: UniqueScope::UntilFinished });
                new.reuse = Some(Reuse { key: label("r"), within: Duration::MAX });
                new.alias = Some(label(&"a".repeat(200)));
                new.tags = vec![label("x"), label("y")];
            }
            let mut bytes = pushed(&new, 0);
            bytes.extend(b"rest");
            let (record, rest) = Record::read(&bytes).unwrap();
            assert_eq!(rest, b"rest");
            let beside = (payload > 0).then(|| new.payload.as_str().as_bytes().to_vec());
            let job = record.snapshot(new.id, Parts { payload: beside, ..Parts::default() });
            assert_eq!((&job.queue, &job.kind, &job.payload), (&new.queue, &new.kind, &new.payload));
            assert_eq!((job.priority, job.deadline, job.max_attempts), (new.priority, None, 20));
            assert_eq!(job.timeout, new.timeout.unwrap_or(longshore_core::limits::DEFAULT_TIMEOUT));
            assert_eq!((&job.key, &job.alias, &job.tags), (&None, &new.alias, &new.tags));
            assert_eq!(job.unique_key, new.unique.clone().map(|unique| unique.key));
            assert_eq!(job.reuse_key, new.reuse.clone().map(|reuse| reuse.key));
            assert_eq!((job.run_at.as_millis(), job.created_at.as_millis()), (5, 5));
        }
    }

    #[test]
    fn truncated_or_invalid_bytes_are_no_record() {
        let bytes = pushed(&new_job(7), 0);
        for length in 0..bytes.len() {
            assert!(Record::read(&bytes[..length]).is_none(), "{length} bytes");
        }
        let mut wrong = bytes.clone();
        wrong[1] = 6;
        assert!(Record::read(&wrong).is_none(), "no state");
        wrong[..2].copy_from_slice(&[RECORD_VERSION as u8 + 1, 1]);
        assert!(Record::read(&wrong).is_none(), "no version that is known");
    }

    #[test]
    fn results_come_back_byte_for_byte() {
        let new = new_job(1);
        let name = ArtifactName { job: new.id, claim: u64::MAX };
        for stored in [
            Stored::Inline(Output::new("text/plain; charset=utf-8", vec![0, 255, 7])),
            Stored::Inline(Output::new("", "")),
            Stored::Artifact { name, content_type: "image/gif".into(), bytes: 1 << 40 },
        ] {
            let mut record = pushed(&new, HAS_RESULT);
            write_small(&mut record, &write_result(&stored));
            let (read, rest) = Record::read(&record).unwrap();
            assert!(rest.is_empty());
            let gone = [&new.id.as_bytes()[..], &record[record.len() - write_result(&stored).len() - 2..]].concat();
            assert_eq!(artifact_of(&gone), matches!(stored, Stored::Artifact { .. }).then_some(name));
            assert_eq!(read.snapshot(new.id, Parts::default()).result, Some(stored));
        }
    }
}

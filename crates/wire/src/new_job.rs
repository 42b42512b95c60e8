//! A job to push: the request body and the stored form.

use std::time::Duration;

use longshore_core::{self as core, Error, Payload, QueueName, UniqueScope, When, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::to_ms;
use crate::{Reuse, Unique, WrongField, list, number, object, schema};

/// A job to push: the body of `POST /v1/jobs`, and the only form in which a job is stored before it is pushed.
///
/// A field that is left out has its default. The form has no id and no idempotency key: each push creates a new job,
/// unless `unique` or `reuse` prevents it. Serializing and parsing it again gives an equal value, and the payload keeps
/// its bytes.
///
/// [`NewJob::into_new`] checks texts. Everything else is checked when the JSON is parsed.
///
/// # Examples
///
/// From JSON to a job that can be pushed:
///
/// ```
/// use longshore_wire::{NewJob, json};
///
/// let form: NewJob = json::parse(br#"{"kind": "image", "payload": {"text": "hi"}, "delay_ms": 60000, "unique": {"key": "hi"}}"#)?;
/// let stored = serde_json::to_string(&form)?;
/// assert_eq!(json::parse::<NewJob>(stored.as_bytes())?, form);
///
/// let job = form.into_new()?;
/// assert_eq!(job.payload.as_str(), r#"{"text": "hi"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Push", description = "A job to push. A field that is left out has its default.", extend("not" = schema::either(&[
    ("delay_ms", "integer", "run_at", "string"),
    ("deadline_in_ms", "integer", "deadline", "string"),
])))]
pub struct NewJob {
    /// The job's kind, which selects the handler.
    #[schemars(extend("pattern" = schema::NAME, "maxLength" = limits::NAME_BYTES))]
    pub kind: String,
    /// The input of the handler: any JSON. Its bytes are kept unchanged. Defaults to `{}`.
    #[serde(default = "payload::empty", with = "payload")]
    #[schemars(with = "serde_json::Value")]
    pub payload: Payload,
    /// The job's queue. Defaults to `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = schema::NAME, "maxLength" = limits::NAME_BYTES))]
    pub queue: Option<String>,
    /// Runs the job after this time. Cannot be combined with `run_at`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::ahead_ms_or_null")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub delay_ms: Option<u64>,
    /// Runs the job at this time. Cannot be combined with `delay_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub run_at: Option<String>,
    /// From -100 to 100. Jobs with a higher priority run first. Defaults to 0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::priority")]
    #[schemars(range(min = -100, max = 100))]
    pub priority: Option<i16>,
    /// The group that the job belongs to within its queue: a tenant, a host, an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: Option<String>,
    /// Creates the job only if no unfinished job of the queue holds this key.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schemars(with = "Option<Unique>")]
    pub unique: Option<Unique>,
    /// Returns an equal job that succeeded recently, instead of creating a new one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schemars(with = "Option<Reuse>")]
    pub reuse: Option<Reuse>,
    /// An id that the caller chooses. The API accepts it wherever it accepts the job's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub alias: Option<String>,
    /// The number of attempts before the job is dead. The kind may allow fewer. Defaults to what the kind allows, or to
    /// 20 if it sets no number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::attempts")]
    #[schemars(range(min = 1, max = limits::ATTEMPTS))]
    pub max_attempts: Option<u16>,
    /// How long one attempt may take. The kind may allow less. Defaults to what the kind allows, or to 30 minutes if it
    /// sets no time-out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::timeout_ms")]
    #[schemars(range(min = 1, max = schema::TIMEOUT_MS))]
    pub timeout_ms: Option<u64>,
    /// The time after which the job is not started or retried any more; then it is dead. Cannot be combined with
    /// `deadline_in_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deadline: Option<String>,
    /// The deadline as a duration from the push. Cannot be combined with `deadline`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::ahead_ms_or_null")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub deadline_in_ms: Option<u64>,
    /// Tags to find the job by, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "list::tags")]
    #[schemars(with = "Vec<schema::Label>", length(max = limits::TAGS))]
    pub tags: Vec<String>,
}

impl NewJob {
    /// Creates a job with all defaults.
    pub fn new(kind: impl Into<String>, payload: Payload) -> Self {
        NewJob {
            kind: kind.into(),
            payload,
            queue: None,
            delay_ms: None,
            run_at: None,
            priority: None,
            key: None,
            unique: None,
            reuse: None,
            alias: None,
            max_attempts: None,
            timeout_ms: None,
            deadline: None,
            deadline_in_ms: None,
            tags: Vec::new(),
        }
    }

    /// Converts a job to the form that is sent or stored.
    ///
    /// The job's policy is written explicitly, so that it stays the same when a default changes. The id, the
    /// idempotency key and whitespace around the payload are left out. Durations are rounded up to milliseconds.
    ///
    /// # Errors
    ///
    /// If a value of the job is out of bounds, or RFC 3339 cannot represent one of its times. So the result can always
    /// be parsed again.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::{NewJob as New, Payload};
    /// use longshore_wire::NewJob;
    ///
    /// let job = New { priority: 5, ..New::new("mail".parse()?, "email".parse()?, Payload::parse("{}")?) };
    /// let read = NewJob::of(&job)?.into_new()?;
    /// assert_eq!(New { id: job.id, ..read }, job);
    /// # Ok::<(), longshore_core::Error>(())
    /// ```
    pub fn of(job: &core::NewJob) -> Result<Self, Error> {
        // Without `..`, so that the compiler demands each new field of a job here.
        let core::NewJob {
            id: _,
            queue,
            kind,
            payload,
            when,
            priority,
            key,
            unique,
            reuse,
            idempotency: _,
            alias,
            max_attempts,
            timeout,
            deadline,
            tags,
        } = job;
        let (delay_ms, run_at) = written(Some(*when).filter(|when| *when != When::NOW));
        let (deadline_in_ms, deadline) = written(*deadline);
        let form = NewJob {
            kind: kind.to_string(),
            payload: payload::trimmed(payload),
            queue: Some(queue.to_string()),
            delay_ms,
            run_at,
            priority: Some(*priority),
            key: key.as_ref().map(ToString::to_string),
            unique: unique.as_ref().map(Unique::from),
            reuse: reuse.as_ref().map(Reuse::from),
            alias: alias.as_ref().map(ToString::to_string),
            max_attempts: *max_attempts,
            timeout_ms: timeout.map(to_ms),
            deadline,
            deadline_in_ms,
            tags: tags.iter().map(ToString::to_string).collect(),
        };
        form.clone().into_new()?;
        Ok(form)
    }

    /// Converts the form to a job with a new id.
    ///
    /// # Errors
    ///
    /// The error names the first invalid field.
    ///
    /// # Examples
    ///
    /// ```
    /// let form: longshore_wire::NewJob = serde_json::from_str(r#"{"kind":"image","queue":"../etc"}"#).unwrap();
    /// assert_eq!(form.into_new().unwrap_err().field, "queue");
    /// ```
    pub fn into_new(self) -> Result<core::NewJob, WrongField> {
        // Without `..`, so that the compiler demands each new field here.
        let NewJob {
            kind,
            payload,
            queue,
            delay_ms,
            run_at,
            priority,
            key,
            unique,
            reuse,
            alias,
            max_attempts,
            timeout_ms,
            deadline,
            deadline_in_ms,
            tags,
        } = self;
        let queue: QueueName = match queue {
            Some(queue) => queue.parse().map_err(WrongField::of("queue"))?,
            None => QueueName::default(),
        };
        let kind = kind.parse().map_err(WrongField::of("kind"))?;
        let mut job = Checked(core::NewJob::new(queue, kind, payload));
        if delay_ms.is_some() && run_at.is_some() {
            return Err(WrongField::new("run_at", "cannot be combined with `delay_ms`"));
        }
        if deadline_in_ms.is_some() && deadline.is_some() {
            return Err(WrongField::new("deadline", "cannot be combined with `deadline_in_ms`"));
        }
        job.set("delay_ms", delay_ms.map(ms), |job, delay| job.when = When::In(delay))?;
        job.set("run_at", run_at.as_deref().map(str::parse), |job, at| job.when = When::At(at))?;
        job.set("priority", priority.map(Ok), |job, priority| job.priority = priority)?;
        job.set("key", key.as_deref().map(str::parse), |job, key| job.key = Some(key))?;
        if let Some(Unique { key, scope }) = &unique {
            let until_finished = |key| core::Unique { key, scope: UniqueScope::UntilFinished };
            job.set("unique.key", Some(key.parse()), |job, key| job.unique = Some(until_finished(key)))?;
            let set = |job: &mut core::NewJob, scope| job.unique.iter_mut().for_each(|unique| unique.scope = scope);
            job.set("unique.scope", Some(Ok((*scope).into())), set)?;
        }
        if let Some(Reuse { key, within_ms }) = &reuse {
            let not_yet = |key| core::Reuse { key, within: Duration::ZERO };
            job.set("reuse.key", Some(key.parse()), |job, key| job.reuse = Some(not_yet(key)))?;
            let set = |job: &mut core::NewJob, within| job.reuse.iter_mut().for_each(|reuse| reuse.within = within);
            job.set("reuse.within_ms", Some(ms(*within_ms)), set)?;
        }
        job.set("alias", alias.as_deref().map(str::parse), |job, alias| job.alias = Some(alias))?;
        job.set("max_attempts", max_attempts.map(Ok), |job, attempts| job.max_attempts = Some(attempts))?;
        job.set("timeout_ms", timeout_ms.map(ms), |job, timeout| job.timeout = Some(timeout))?;
        let deadline = deadline.as_deref().map(str::parse);
        job.set("deadline", deadline, |job, deadline| job.deadline = Some(When::At(deadline)))?;
        job.set("deadline_in_ms", deadline_in_ms.map(ms), |job, after| job.deadline = Some(When::In(after)))?;
        let tags = tags.iter().map(|tag| tag.parse()).collect();
        job.set("tags", Some(tags), |job, tags| job.tags = tags)?;
        Ok(job.0)
    }
}

/// Returns the two forms of a time: milliseconds from the push, or a timestamp.
fn written(when: Option<When>) -> (Option<u64>, Option<String>) {
    match when {
        Some(When::In(delay)) => (Some(to_ms(delay)), None),
        Some(When::At(moment)) => (None, Some(moment.to_string())),
        None => (None, None),
    }
}

fn ms(ms: u64) -> Result<Duration, Error> {
    Ok(Duration::from_millis(ms))
}

/// A job that is checked after each change, so that an error can name the invalid field.
struct Checked(core::NewJob);

impl Checked {
    fn set<T>(
        &mut self,
        field: &str,
        value: Option<Result<T, Error>>,
        change: impl FnOnce(&mut core::NewJob, T),
    ) -> Result<(), WrongField> {
        let Some(value) = value.transpose().map_err(WrongField::of(field))? else { return Ok(()) };
        change(&mut self.0, value);
        self.0.check().map_err(WrongField::of(field))
    }
}

/// The payload as JSON inside JSON, with unchanged bytes.
mod payload {
    use longshore_core::Payload;
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(super) fn empty() -> Payload {
        Payload::parse("{}").expect("an empty object is JSON")
    }

    /// Returns the payload without whitespace around it, which JSON inside JSON does not keep.
    pub(super) fn trimmed(payload: &Payload) -> Payload {
        let text = payload.as_str();
        match text.trim_matches([' ', '\t', '\n', '\r']) {
            trimmed if trimmed.len() == text.len() => payload.clone(),
            trimmed => Payload::from_store(trimmed),
        }
    }

    pub(super) fn serialize<S: Serializer>(payload: &Payload, to: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(payload.as_str()).map_err(S::Error::custom)?.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Payload, D::Error> {
        Payload::parse(Box::<RawValue>::deserialize(from)?.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, json};
    use longshore_core::{Label, Timestamp};

    fn read(text: &str) -> NewJob {
        json::parse(text.as_bytes()).unwrap()
    }

    /// The stored form of a version that stores may still contain. It may gain fields, but never lose or rename one.
    /// The order of the fields matters too, because the fingerprint of an idempotency key is computed from this text.
    const STORED: &str = r#"{"kind":"image","payload":{ "b":1.50,"a" :[]},"queue":"mail","delay_ms":60000,"priority":-7,"key":"tenant 7","unique":{"key":"u","scope":{"for_ms":5}},"reuse":{"key":"r","within_ms":1000},"alias":"order/7","max_attempts":3,"timeout_ms":1500,"deadline":"2999-01-01T00:00:00Z","tags":["a","b"]}"#;

    #[test]
    fn the_stored_form_is_written_as_it_was_read() {
        for text in [
            STORED,
            r#"{"kind":"k","payload":{}}"#,
            r#"{"kind":"k","payload":null,"run_at":"2026-01-01T00:00:00+02:00","unique":{"key":"u","scope":"until_started"},"deadline_in_ms":5}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(text)).unwrap(), text);
        }
    }

    #[test]
    fn a_missing_or_null_field_has_its_default() {
        let form = read(
            r#"{"kind":"k","queue":null,"delay_ms":null,"run_at":null,"priority":null,"key":null,"unique":null,"reuse":null,
                "alias":null,"max_attempts":null,"timeout_ms":null,"deadline":null,"deadline_in_ms":null,"tags":[]}"#,
        );
        assert_eq!(form, NewJob::new("k", payload::empty()));
        let job = form.into_new().unwrap();
        let default = core::NewJob::new(QueueName::default(), "k".parse().unwrap(), payload::empty());
        assert_eq!(core::NewJob { id: default.id, ..job }, default);
    }

    #[test]
    fn times_and_periods_exclude_each_other() {
        for (text, field) in [
            (r#"{"kind":"k","delay_ms":1,"run_at":"2026-01-01T00:00:00Z"}"#, "run_at"),
            (r#"{"kind":"k","deadline_in_ms":1,"deadline":"2026-01-01T00:00:00Z"}"#, "deadline"),
        ] {
            assert_eq!(read(text).into_new().unwrap_err().field, field);
        }
    }

    #[test]
    fn a_job_that_could_not_be_parsed_again_is_not_serialized() {
        let job = core::NewJob::new(QueueName::default(), "k".parse().unwrap(), payload::empty());
        let never = When::At(Timestamp::from_millis(i64::MAX));
        let in_the_year_9000 = When::At("9000-01-01T00:00:00Z".parse().unwrap());
        for wrong in [
            core::NewJob { when: never, ..job.clone() },
            core::NewJob { when: in_the_year_9000, ..job.clone() },
            core::NewJob { deadline: Some(never), ..job.clone() },
            core::NewJob { deadline: Some(When::In(limits::AHEAD * 2)), ..job.clone() },
            core::NewJob { priority: 101, ..job },
        ] {
            assert!(NewJob::of(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_job_is_read_back_as_it_was_written() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = Random(fastrand::Rng::with_seed(seed));
        for _ in 0..2000 {
            let job = random.job();

            let form = NewJob::of(&job).unwrap();
            let text = serde_json::to_string(&form).unwrap();
            let again: NewJob = json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));

            assert_eq!(again, form, "{text}");
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
            let read = again.into_new().unwrap();
            let payload = Payload::parse(job.payload.as_str().trim()).unwrap();
            assert_eq!(core::NewJob { id: job.id, ..read }, core::NewJob { payload, ..job }, "{text}");
        }
    }

    /// Generates random jobs with all fields.
    struct Random(fastrand::Rng);

    impl Random {
        fn job(&mut self) -> core::NewJob {
            let payload =
                ["{}", "null", " [1e2, 1.50,\t\"\\u00e9\u{e9}\"] ", r#"{"a":1, "a":{"b":[]}}"#, "\"<b>\\\"\""];
            let payload = Payload::parse(self.one(&payload)).unwrap();
            let queue: QueueName = self.one(&["default", "mail", "a.b-c_D"]).parse().unwrap();
            let kind = self.one(&["image", "K-9"]).parse().unwrap();
            let mut job = core::NewJob::new(queue, kind, payload);
            job.when = self.when();
            job.priority = self.0.i16(limits::PRIORITIES);
            job.key = self.maybe(Random::label);
            job.unique = self.maybe(|random| core::Unique { key: random.label(), scope: random.scope() });
            job.reuse = self.maybe(|random| core::Reuse { key: random.label(), within: random.period(limits::AHEAD) });
            job.alias = self.maybe(Random::label);
            job.max_attempts = self.0.bool().then(|| self.0.u16(1..=limits::ATTEMPTS));
            job.timeout = self.0.bool().then(|| self.period(limits::TIMEOUT).max(Duration::from_millis(1)));
            job.deadline = self.maybe(Random::when);
            job.tags = (0..self.0.usize(..=limits::TAGS)).map(|_| self.label()).collect();
            job
        }

        fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
            self.0.choice(of).unwrap()
        }

        fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
            self.0.bool().then(|| make(self))
        }

        fn label(&mut self) -> Label {
            let characters = ['a', 'Z', '7', ' ', '"', '\\', '/', '{', '\u{e9}', '\u{1f600}', '\u{2028}'];
            let length = self.0.usize(1..=50);
            (0..length).map(|_| *self.0.choice(&characters).unwrap()).collect::<String>().parse().unwrap()
        }

        fn period(&mut self, longest: Duration) -> Duration {
            let most = u64::try_from(longest.as_millis()).unwrap();
            let ms = if self.0.bool() { self.0.u64(..=most) } else { *self.0.choice(&[0, 1, most]).unwrap() };
            Duration::from_millis(ms)
        }

        fn when(&mut self) -> When {
            match self.0.bool() {
                true => When::In(self.period(limits::AHEAD)),
                false => When::At(Timestamp::from_millis(self.0.i64(-1_000_000_000_000..1_900_000_000_000))),
            }
        }

        fn scope(&mut self) -> UniqueScope {
            let all = [Scope::UntilStarted, Scope::UntilFinished, Scope::ForMs(self.0.u64(..=schema::AHEAD_MS))];
            (*self.0.choice(&all).unwrap()).into()
        }
    }
}

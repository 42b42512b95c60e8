//! Rules of a queue: one versioned value that is changed by compare-and-set, and the function that applies it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Label, Timestamp, When};

/// The rules that hold a queue's jobs back. They belong to the queue and never change the state of its jobs.
///
/// Stores keep the [text](Rules::to_text) and the [level](Rules::level) without interpreting them. A program that sees
/// a level above [`Rules::LEVEL`] returns no jobs of the queue and does not rescue them, so that two versions of
/// longshore can work side by side.
///
/// # Examples
///
/// ```
/// use longshore_core::{Pause, Rules, Timestamp};
///
/// let pause = Pause { since: Timestamp::from_millis(7), until: None, reason: None, by: None };
/// let rules = Rules::pausing(Some(pause));
/// assert_eq!(Rules::from_text(3, &rules.to_text()), rules.at_version(3));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// The number of changes; 0 for rules that were never set.
    pub version: u64,
    /// The pause: no jobs are claimed until it ends.
    pub pause: Option<Pause>,
    /// Whether there are rules that this program does not know, because a newer version wrote them.
    pub has_unknown: bool,
}

/// The stored form of [`Rules`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause: Option<PauseText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseText {
    since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Rules {
    /// The newest level that this program knows. It grows with each kind of rule that older programs would ignore.
    pub const LEVEL: u16 = 1;

    /// Returns rules with only a pause, or no rules.
    pub fn pausing(pause: Option<Pause>) -> Self {
        Rules { pause, ..Rules::default() }
    }

    /// Sets the version.
    pub fn at_version(self, version: u64) -> Self {
        Rules { version, ..self }
    }

    /// Returns the level that a program must know to apply these rules: 0 for none, 1 for a pause.
    pub fn level(&self) -> u16 {
        match self {
            Rules { has_unknown: true, .. } => u16::MAX,
            Rules { pause: Some(_), .. } => 1,
            Rules { pause: None, .. } => 0,
        }
    }

    /// Returns when the pause ends, in milliseconds since 1970, for stores that read nothing else: 0 if there is no
    /// pause, and `i64::MAX` if it has no end.
    pub fn paused_until_ms(&self) -> i64 {
        let until = |pause: &Pause| pause.until.map_or(i64::MAX, Timestamp::as_millis);
        self.pause.as_ref().map_or(0, until)
    }

    /// Returns the text to store: a JSON object, empty if there are no rules.
    pub fn to_text(&self) -> String {
        let pause = self.pause.as_ref().map(|pause| PauseText {
            since: pause.since.as_millis(),
            until: pause.until.map(Timestamp::as_millis),
            reason: pause.reason.as_ref().map(Label::to_string),
            by: pause.by.as_ref().map(Label::to_string),
        });
        serde_json::to_string(&Text { pause }).expect("strings and numbers are always JSON")
    }

    /// Reads rules from the store's text. A text that cannot be read is corrupt or comes from a newer version. In both
    /// cases this program does not know what to hold back, so it holds back everything.
    pub fn from_text(version: u64, text: &str) -> Self {
        let unknown = Rules { version, has_unknown: true, ..Rules::default() };
        let Ok(Text { pause }) = serde_json::from_str(text) else { return unknown };
        let label = |text: Option<String>| text.map(|text| text.parse::<Label>()).transpose();
        let pause = pause.map(|pause| {
            Ok::<_, Error>(Pause {
                since: Timestamp::from_millis(pause.since),
                until: pause.until.map(Timestamp::from_millis),
                reason: label(pause.reason)?,
                by: label(pause.by)?,
            })
        });
        match pause.transpose() {
            Ok(pause) => Rules { version, pause, has_unknown: false },
            Err(_) => unknown,
        }
    }

    /// Removes what has ended: a pause that is over.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.pause = self.pause.filter(|pause| pause.holds(now));
        self
    }

    /// Checks that this program knows all rules, because it would drop unknown ones in a change.
    ///
    /// # Errors
    ///
    /// Returns an error if there are unknown rules.
    pub fn check_known(&self) -> Result<(), Error> {
        if self.has_unknown {
            let text = "the queue has rules of a newer longshore version: change them with that version";
            return Err(Error::new(ErrorKind::Refused, text));
        }
        Ok(())
    }
}

/// The answer to a change of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum RulesChange {
    /// The new rules are stored, with this version.
    Changed(u64),
    /// Another change came first. These are the present rules.
    Conflict(Rules),
}

/// What [`admit`] needs to know about a queue besides its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueState {
    /// The number of its running jobs.
    pub running: u64,
}

impl QueueState {
    /// Creates the state of a queue with this many running jobs.
    pub fn new(running: u64) -> Self {
        QueueState { running }
    }
}

/// How many jobs of a queue may be claimed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// Most jobs.
    pub most: usize,
    /// The reason for the limit, if a rule sets it.
    pub why: Option<super::HeldBackReason>,
    /// When the answer changes by itself, if it does.
    pub until: Option<Timestamp>,
}

impl Admission {
    /// All jobs may be claimed.
    pub const ALL: Admission = Admission { most: usize::MAX, why: None, until: None };

    /// No job may be claimed: there is a rule that this program does not know.
    pub const UNKNOWN: Admission = Admission { most: 0, why: Some(super::HeldBackReason::UnknownRule), until: None };

    /// Creates an answer from the limit, its reason and its end.
    pub fn new(most: usize, why: Option<super::HeldBackReason>, until: Option<Timestamp>) -> Self {
        Admission { most, why, until }
    }

    /// Returns the time from now until the answer changes by itself.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }
}

/// Returns how many jobs of a queue may be claimed now, and what prevents more.
///
/// This function is pure. Embedded stores call it; the scripts of the other stores do the same and are compared with it
/// in randomised tests.
///
/// # Examples
///
/// ```
/// use longshore_core::{Pause, QueueState, Rules, Timestamp, admit};
///
/// let (now, later) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
/// let pause = Pause { since: now, until: Some(later), reason: None, by: None };
/// let rules = Rules::pausing(Some(pause));
/// assert_eq!(admit(&rules, QueueState::default(), now).most, 0);
/// assert_eq!(admit(&rules, QueueState::default(), later).most, usize::MAX);
/// ```
pub fn admit(rules: &Rules, _state: QueueState, now: Timestamp) -> Admission {
    if rules.has_unknown {
        return Admission::UNKNOWN;
    }
    match rules.pause.as_ref().filter(|pause| pause.holds(now)) {
        Some(pause) => Admission { most: 0, why: Some(super::HeldBackReason::Paused), until: pause.until },
        None => Admission::ALL,
    }
}

/// A request to pause a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPause {
    /// When the pause ends by itself; `None` waits for a resume.
    pub until: Option<When>,
    /// The reason, for people.
    pub reason: Option<Label>,
    /// Who requests it.
    pub by: Option<Label>,
}

/// The pause of a queue. It belongs to the queue and never changes the state of its jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The reason.
    pub reason: Option<Label>,
    /// Who requested it.
    pub by: Option<Label>,
}

impl Pause {
    /// Creates the requested pause.
    pub fn begin(new: NewPause, now: Timestamp) -> Self {
        Pause { since: now, until: new.until.map(|when| when.resolve(now)), reason: new.reason, by: new.by }
    }

    /// Returns whether the pause has not ended yet.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(until: Option<i64>) -> Rules {
        let label = |text: &str| Some(text.parse::<Label>().unwrap());
        let until = until.map(Timestamp::from_millis);
        let pause = Pause { since: Timestamp::from_millis(1), until, reason: label("ü \"quoted\""), by: label("ada") };
        Rules { version: 7, pause: Some(pause), has_unknown: false }
    }

    #[test]
    fn rules_are_read_as_they_were_written() {
        for rules in [Rules::default(), paused(None), paused(Some(9))] {
            assert_eq!(Rules::from_text(rules.version, &rules.to_text()), rules);
        }
        assert_eq!(Rules::default().to_text(), "{}");
    }

    #[test]
    fn rule_of_a_newer_program_holds_the_queue_back_and_cannot_be_overwritten() {
        for text in [r#"{"max_running":5}"#, r#"{"pause":{"since":1,"zone":"x"}}"#, "", "null", "nonsense"] {
            let rules = Rules::from_text(2, text);
            assert!(rules.has_unknown && rules.level() > Rules::LEVEL && rules.check_known().is_err(), "{text}");
            assert_eq!(admit(&rules, QueueState::default(), Timestamp::from_millis(0)).most, 0);
        }
    }

    #[test]
    fn pause_admits_nothing_until_it_is_over() {
        let at = |ms| admit(&paused(Some(9)), QueueState::default(), Timestamp::from_millis(ms));
        assert_eq!((at(8).most, at(8).wait(Timestamp::from_millis(8))), (0, Some(Duration::from_millis(1))));
        assert_eq!(at(9), Admission::ALL);
        assert_eq!(paused(Some(9)).at(Timestamp::from_millis(9)).pause, None);
        assert_eq!((paused(None).paused_until_ms(), paused(Some(9)).paused_until_ms()), (i64::MAX, 9));
    }
}

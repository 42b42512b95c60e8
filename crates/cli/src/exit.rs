//! The end of the program: an exit code for scripts, and a message with the cause, as text or as JSON.

use std::fmt::Display;

use longshore::{Error, ErrorKind, JobId, State, worker::Ended};
use longshore_wire::{Code, Problem, WrongField};
use serde::Serialize;

/// The exit codes and their meanings. The help text of the program ends with them, and docs/command-line.md lists them.
pub const CODES: &[(i32, &str)] = &[
    (0, "success; for a worker: all its jobs are finished"),
    (1, "failure: the job is dead, cancelled or not found, or the request was refused"),
    (2, "invalid usage or configuration"),
    (3, "not finished within --timeout"),
    (4, "`check` found a problem"),
    (10, "jobs were released or requests cut off, after a second signal or the grace period"),
    (11, "a worker could not release some of its jobs: they run again when their leases expire"),
    (12, "all slots of a worker were occupied by handlers that did not return"),
    (69, "the store or the server is unreachable, or the store does not exist"),
    (130, "ended by Ctrl+C; after another signal, 128 and its number"),
];

/// The codes of errors that only this program has. All others are those of the HTTP API (docs/errors.md).
pub const OWN: &[(&str, i32, &str)] = &[
    (USAGE, 2, "The command line is invalid."),
    (CONFIGURATION, 2, "The configuration is invalid. `problems` lists everything that is wrong."),
    (INVALID, 2, "A value is invalid. `field` names it, if it is a field of the HTTP API."),
    (FINDINGS, 4, "`check` found problems. `problems` lists them."),
    (NOT_FINISHED, 3, "The job was not finished when `--timeout` was over."),
    (AMBIGUOUS, 1, "More than one job has an id that begins like this. `problems` lists some of them."),
    (NO_STORE, 69, "The SQLite file does not exist. Commands that only read, or change existing jobs, create none."),
    (UNREACHABLE, 69, "The store cannot be opened, or the server cannot be reached."),
    (FAILED, 1, "Something else failed, such as a write to a file."),
    (RELEASED, 10, "A worker or a server was stopped before everything was finished."),
    (ABANDONED, 11, "A worker could not release some of its jobs."),
    (STUCK, 12, "All slots of a worker were occupied by handlers that did not return."),
    (INTERRUPTED, 130, "A signal ended the command. The exit code is 128 and the number of the signal."),
];

const USAGE: &str = "usage";
const CONFIGURATION: &str = "configuration";
const INVALID: &str = "invalid";
const FINDINGS: &str = "findings";
const NOT_FINISHED: &str = "not_finished";
const AMBIGUOUS: &str = "ambiguous_id";
const NO_STORE: &str = "no_store";
const UNREACHABLE: &str = "unreachable";
const FAILED: &str = "failed";
const RELEASED: &str = "released";
const ABANDONED: &str = "abandoned";
const STUCK: &str = "stuck";
const INTERRUPTED: &str = "interrupted";

/// Returns the exit codes as the end of a help text.
pub fn help() -> String {
    let lines = CODES.iter().map(|(code, meaning)| format!("\n  {code:>2}  {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}

/// An end of the program other than success.
#[derive(Debug)]
pub struct Exit(Box<Report>);

/// What is printed about the end: with `--json` this object, otherwise its text.
#[derive(Debug, Serialize)]
struct Report {
    /// The stable code of the error.
    code: String,
    /// What went wrong.
    detail: String,
    /// The exit code of the program.
    exit_code: i32,
    /// The invalid field, parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The state of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The other job that caused the conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    /// All problems, if there may be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    /// Whether nothing is printed as text, because everything was already logged or printed.
    #[serde(skip)]
    is_told: bool,
}

impl Exit {
    fn new(code: &str, exit_code: i32, detail: impl Display) -> Self {
        Exit(Box::new(Report {
            code: code.to_owned(),
            detail: detail.to_string(),
            exit_code,
            field: None,
            state: None,
            other: None,
            problems: Vec::new(),
            is_told: false,
        }))
    }

    /// Creates an exit with one of our own codes, which determines the exit code.
    fn own(code: &str, detail: impl Display) -> Self {
        let exit_code = OWN.iter().find(|(own, ..)| *own == code).map_or(1, |(_, exit_code, _)| *exit_code);
        Exit::new(code, exit_code, detail)
    }

    fn with_problems(mut self, problems: Vec<String>) -> Self {
        self.0.problems = problems;
        self
    }

    fn told(mut self) -> Self {
        self.0.is_told = true;
        self
    }

    /// Returns the exit for a failure.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Exit::own(FAILED, format_args!("{:#}", error.into()))
    }

    /// Returns the exit for invalid usage.
    pub fn usage(text: impl Display) -> Self {
        Exit::own(USAGE, text)
    }

    /// Returns the exit for an invalid configuration, with all its problems.
    pub fn config(problems: Vec<String>) -> Self {
        Exit::own(CONFIGURATION, list(&problems)).with_problems(problems)
    }

    /// Returns the exit for what `check` found.
    pub fn findings(problems: Vec<String>) -> Self {
        Exit::own(FINDINGS, list(&problems)).with_problems(problems)
    }

    /// Returns the exit for a job that is not finished yet.
    pub fn not_finished(text: impl Display) -> Self {
        Exit::own(NOT_FINISHED, text)
    }

    /// Returns the exit for a job that has finished without success.
    pub fn unsuccessful(job: &longshore_wire::Job) -> Self {
        let code = if job.state == State::Dead { Code::JobDead } else { Code::JobCancelled };
        let mut exit = Exit::new(code.as_str(), 1, format_args!("job {} is {}: {}", job.id, job.state, job.status));
        exit.0.state = Some(job.state.as_str());
        exit
    }

    /// Returns the exit for an unreachable store or server.
    pub fn unreachable(text: impl Display) -> Self {
        Exit::own(UNREACHABLE, text)
    }

    /// Returns the exit for a store that does not exist.
    pub fn no_store(store: &impl Display) -> Self {
        let create = "`longshore up`, `serve`, `work` and `enqueue` create it";
        let text = format!("store `{store}` does not exist; {create}. Is this the right folder and configuration?");
        Exit::own(NO_STORE, text)
    }

    /// Returns the exit for the end of a worker. Its log says what happened.
    pub fn of_worker(ended: Ended) -> Result<(), Self> {
        let code = match ended {
            Ended::Drained => return Ok(()),
            Ended::Released => RELEASED,
            Ended::Abandoned => ABANDONED,
            Ended::Stuck => STUCK,
        };
        let meaning = OWN.iter().find(|(own, ..)| *own == code).map_or("", |(_, _, meaning)| *meaning);
        Err(Exit::own(code, meaning).told())
    }

    /// Returns the exit for a server that was stopped before all its requests were answered. The log says so.
    pub fn cut_off() -> Self {
        Exit::own(RELEASED, "a second signal ended open requests").told()
    }

    /// Returns the exit for a tool that a signal has ended: quiet, as if the signal itself had ended it.
    pub fn by_signal(number: i32) -> Self {
        Exit::new(INTERRUPTED, 128 + number, format_args!("signal {number} ended the command")).told()
    }

    /// Returns the exit for a reader that went away, as in `longshore jobs | head -1`: quiet, and no failure.
    pub fn unread() -> Self {
        Exit::new(FAILED, 0, "nobody reads the output").told()
    }

    /// Returns the exit code.
    pub fn code(&self) -> i32 {
        self.0.exit_code
    }

    /// Returns the text for people; `None` if everything was already told.
    pub fn text(&self) -> Option<&str> {
        (!self.0.is_told).then_some(self.0.detail.as_str())
    }

    /// Returns the JSON for programs; `None` if the output has no reader.
    pub fn json(&self) -> Option<&impl Serialize> {
        (self.0.exit_code != 0).then_some(&self.0)
    }
}

fn list(problems: &[String]) -> String {
    match problems {
        [only] => only.clone(),
        all => format!("{} problems:\n  {}", all.len(), all.join("\n  ")),
    }
}

/// A problem as the HTTP API describes it: the source of an [`Error`] whose code and fields are known.
#[derive(Debug)]
struct Refusal(Problem);

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Refusal {}

/// Returns an error with the code and the fields of a problem, from a server or found here.
pub fn refused(kind: ErrorKind, problem: Problem) -> Error {
    Error::new(kind, problem.detail.clone()).caused_by(Refusal(problem))
}

/// Returns the error for a job that does not exist.
pub fn unknown_job(id: &str) -> Error {
    let text = format!("job `{id}` not found; it may have been deleted after its retention period");
    refused(ErrorKind::Refused, Problem::new(Code::UnknownJob, text))
}

/// Returns the error for an action that the job's state does not allow.
pub fn wrong_state(id: &str, verb: &str, state: State) -> Error {
    let text = format!("cannot {verb} job {id}, because it is {state}");
    let problem = Problem { state: Some(state), ..Problem::new(Code::WrongState, text) };
    refused(ErrorKind::Refused, problem)
}

/// Returns the error for a unique key that another job holds now.
pub fn unique_conflict(id: &str, other: JobId) -> Error {
    let text = format!("job {other} now holds the unique key of job {id}");
    let problem = Problem { other: Some(other), ..Problem::new(Code::UniqueConflict, text) };
    refused(ErrorKind::Refused, problem)
}

/// Returns the error for a field that is not valid.
pub fn wrong_field(wrong: &WrongField) -> Error {
    refused(ErrorKind::Invalid, Problem::of_field(Code::InvalidJob, wrong))
}

/// Returns the exit for the beginning of more than one id.
pub fn ambiguous(text: &str, ids: &[JobId]) -> Exit {
    let ids: Vec<_> = ids.iter().map(JobId::to_string).collect();
    let detail = format!("`{text}` is the beginning of more than one id; write more of it:\n  {}", ids.join("\n  "));
    Exit::own(AMBIGUOUS, detail).with_problems(ids)
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        let problem = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Refusal>());
        let (code, exit_code) = match error.kind() {
            ErrorKind::Invalid => (INVALID, 2),
            ErrorKind::Unavailable => (UNREACHABLE, 69),
            ErrorKind::Full => (Code::StoreFull.as_str(), 1),
            _ => (Code::StoreRefused.as_str(), 1),
        };
        let mut exit = Exit::new(code, exit_code, &error);
        if let Some(Refusal(Problem { code, field, state, other, .. })) = problem {
            exit.0.code.clone_from(code);
            exit.0.field.clone_from(field);
            exit.0.state = state.map(State::as_str);
            exit.0.other = other.map(|id| id.to_string());
        }
        exit
    }
}

impl From<WrongField> for Exit {
    fn from(wrong: WrongField) -> Self {
        wrong_field(&wrong).into()
    }
}

/// Returns the exit for an error while opening a store: invalid usage if the URL is invalid, otherwise an unreachable
/// store.
pub fn opening(error: Error) -> Exit {
    match error.kind() {
        ErrorKind::Invalid => Exit::usage(error),
        ErrorKind::Unavailable => Exit::unreachable(error),
        ErrorKind::Full => Exit::new(Code::StoreFull.as_str(), 69, error),
        _ => Exit::new(Code::StoreRefused.as_str(), 69, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_command_line_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command-line.md");
        let mut page = String::from(include_str!("exit/command-line.md"));
        page += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
        for (code, meaning) in CODES {
            page += &format!("| {code} | {meaning} |\n");
        }
        page += "\n## Codes of errors\n\nThe codes in this table, and those of [the HTTP API](errors.md), which mean the same here.\n\n\
                 | code | exit code | meaning |\n|---|---|---|\n";
        for (code, exit_code, meaning) in OWN {
            page += &format!("| `{code}` | {exit_code} | {meaning} |\n");
        }
        if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == page, "docs/command-line.md is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
    }

    #[test]
    fn every_exit_code_of_an_error_is_documented() {
        for (code, exit_code, _) in OWN {
            assert!(CODES.iter().any(|(known, _)| known == exit_code), "{code}");
        }
        for ended in [Ended::Released, Ended::Abandoned, Ended::Stuck] {
            assert_eq!(Exit::of_worker(ended).unwrap_err().code(), ended.exit_code(), "{ended:?}");
        }
    }

    #[test]
    fn a_problem_of_the_server_keeps_its_code_and_fields() {
        let error = wrong_field(&WrongField::new("priority", "500 is too much"));
        let exit = Exit::from(error);
        assert_eq!((exit.0.code.as_str(), exit.0.field.as_deref(), exit.code()), ("invalid_job", Some("priority"), 2));
    }
}

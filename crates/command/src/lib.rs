//! Any program as a handler: payload on its standard input, result on its standard output, progress and log on its standard error.
//!
//! [docs/commands.md](https://github.com/longshore/longshore/blob/main/docs/commands.md) is the protocol as those see it who write
//! such programs. In reading order: [`Command`] (what is run, and how one attempt goes), `program` (where it is), `talk` (the
//! three pipes), `spool` (standard output, in memory or in a file), `directive` and `log` (what standard error says), `tree` and
//! `processes` (ending it with all its offspring), `ending` (what exit codes mean), `answer` (what standard output is).

mod command;
mod program;
mod talk;
mod spool;
mod directive;
mod log;
mod tree;
mod processes;
mod ending;
mod answer;

pub use command::{Attempt, Command, GIVEN, INHERITED, STOP_GRACE};
pub use processes::end_marked;
pub use program::NotRunnable;

//! Any program as a handler: the payload is its standard input, the result its standard output, and progress and log
//! its standard error.
//!
//! [docs/commands.md](https://github.com/longshore/longshore/blob/main/docs/commands.md) describes the protocol for
//! authors of such programs. In reading order: [`Command`] (what runs, and the course of one attempt), `program` (finds
//! the file), `pipes` (the three pipes), `spool` (standard output, in memory or in a file), `directive` and `log`
//! (standard error), `tree`, `mark` and `processes` (kill a command and all its descendants), `session` (no terminal),
//! `roster` (kills the commands of a killed worker), `shortage` (a machine without descriptors, processes or memory),
//! `ending` (exit codes), `answer` (standard output as a result).

mod command;
mod program;
mod pipes;
mod spool;
mod directive;
mod log;
mod tree;
mod mark;
mod processes;
mod session;
mod roster;
mod shortage;
mod ending;
mod answer;

pub use command::{ATTEMPT_VARIABLES, Attempt, Command, INHERITED, STOP_GRACE};
pub use program::NotRunnable;
pub use roster::{Roster, sweep};
pub use session::in_own_session;

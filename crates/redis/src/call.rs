//! Calls of the library's functions, and the conversion of their answers.

use longshore_core::{Error, ErrorKind, Moved};
use redis::{Cmd, Value};

use crate::base::Base;
use crate::error;
use crate::library::{Function, LIBRARY};
use crate::link::{Failed, Link};
use crate::record::read_moved;

/// A call that is being built.
pub(crate) struct Call<'a> {
    base: &'a Base,
    /// The prefix of the call's keys.
    root: String,
    function: &'static Function,
    command: Cmd,
}

impl<'a> Call<'a> {
    /// Begins a call on keys with this prefix.
    pub(crate) fn new(base: &'a Base, function: &'static Function, root: &str) -> Self {
        let mut command = redis::cmd(if function.is_read() { "FCALL_RO" } else { "FCALL" });
        // Neither of the two keys exists. With two keys, a node that is receiving a slot answers TRYAGAIN until it has the whole
        // slot. With one key it would run the function on the part of the slot that it already has.
        command.arg(function.full_name()).arg(2).arg(root).arg(format!("{root}-"));
        Call { base, root: root.to_owned(), function, command }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.command.arg(arg.as_ref());
        self
    }

    pub(crate) fn number(self, number: i64) -> Self {
        self.arg(number.to_string())
    }

    pub(crate) fn args<T: AsRef<[u8]>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        for arg in args {
            self.command.arg(arg.as_ref());
        }
        self
    }

    /// Calls the function. If the server does not know it, this loads the library and repeats the call.
    pub(crate) async fn run(self) -> Result<Value, Error> {
        match self.base.link.send(&self.root, &self.command).await {
            Err(failed) if is_unknown(&failed) => {
                load(&self.base.link).await?;
                Ok(self.base.link.send(&self.root, &self.command).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Calls the function, and waits until as many replicas as the URL requires have its writes.
    ///
    /// # Errors
    ///
    /// Also if too few replicas have the writes in time. Then the call is perhaps done, and may be repeated.
    pub(crate) async fn run_replicated(self) -> Result<Value, Error> {
        let Some(replicated) = &self.base.replicated else { return self.run().await };
        let send = || replicated.link.send_and_wait(&self.root, &self.command, replicated.replicas);
        let (answer, replicas) = match send().await {
            Err(failed) if is_unknown(&failed) => {
                load(&self.base.link).await?;
                send().await?
            }
            answer => answer?,
        };
        let wanted = replicated.replicas;
        if replicas < i64::from(wanted) {
            let text = format!(
                "only {replicas} of the {wanted} replicas that the URL requires answered in time; the master has it, and the job may run"
            );
            return Err(Error::new(ErrorKind::Unavailable, text).perhaps_done().partial());
        }
        Ok(answer)
    }

    /// Calls functions on the one server, in order and in one round trip. Returns the answer to each.
    ///
    /// If the server does not know the functions, none has run, and this loads the library and repeats all calls.
    pub(crate) async fn run_in_order(calls: &[Call<'_>]) -> Vec<Result<Value, Error>> {
        let Some(base) = calls.first().map(|call| call.base) else { return Vec::new() };
        let commands = || calls.iter().map(|call| &call.command);
        let mut answers = base.link.send_in_order(commands()).await;
        if answers.iter().any(|answer| answer.as_ref().is_err_and(is_unknown)) {
            if let Err(e) = load(&base.link).await {
                return calls.iter().map(|_| Err(e.shared())).collect();
            }
            answers = base.link.send_in_order(commands()).await;
        }
        answers.into_iter().map(|answer| answer.map_err(Error::from)).collect()
    }

    /// Calls a function that answers with one string.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, Error> {
        let name = self.function.name;
        bytes(self.run().await?).ok_or_else(|| error::unexpected(name))
    }

    /// Calls a function that answers with a list.
    pub(crate) async fn list(self) -> Result<Vec<Value>, Error> {
        let name = self.function.name;
        list(self.run().await?).ok_or_else(|| error::unexpected(name))
    }
}

fn is_unknown(failed: &Failed) -> bool {
    matches!(failed, Failed::Told(e) if e.detail().is_some_and(|detail| detail.contains("Function not found")))
}

/// Loads the library into each reachable server that does not have it.
///
/// # Errors
///
/// If no server can be reached, or the user may not load functions.
pub(crate) async fn load(link: &Link) -> Result<(), Error> {
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg(&LIBRARY.source);
    let (mut loaded, mut failed) = (false, None);
    for answer in link.send_to_each(&load).await {
        match answer {
            Err(Failed::Told(e)) if e.detail().is_some_and(|detail| detail.contains("already exists")) => loaded = true,
            answer => match answer.map_err(Error::from) {
                Ok(_) => loaded = true,
                Err(e) if e.kind() == ErrorKind::Unavailable => failed = Some(e),
                Err(e) => return Err(e),
            },
        }
    }
    failed.filter(|_| !loaded).map_or(Ok(()), Err)
}

/// Returns a string answer as bytes.
pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        _ => None,
    }
}

/// Returns a string answer as text. Any other answer is an empty text.
pub(crate) fn text(value: Value) -> String {
    String::from_utf8_lossy(&bytes(value).unwrap_or_default()).into_owned()
}

/// Returns a list answer. Nil is an empty list.
pub(crate) fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Some(values),
        Value::Map(pairs) => Some(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

/// Returns the moved jobs of an answer.
pub(crate) fn moved(value: Option<Value>) -> Option<Vec<Moved>> {
    let jobs = list(value?)?.into_iter();
    jobs.map(|job| bytes(job).and_then(|job| read_moved(&job))).collect()
}

/// Returns a number answer, which may be written as text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Returns an answer that is a list of names. Invalid names are left out.
pub(crate) fn names<T: std::str::FromStr>(value: Value) -> Option<Vec<T>> {
    let names = list(value)?.into_iter().filter_map(bytes);
    Some(names.filter_map(|name| std::str::from_utf8(&name).ok()?.parse().ok()).collect())
}

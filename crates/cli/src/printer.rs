//! Output for people and for programs. Nothing that is printed can command the terminal, and a reader that goes away
//! ends the program quietly.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use longshore::{commands_a_terminal, printable};
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use crate::Exit;

/// The columns of a terminal that does not tell its width.
const USUAL_COLUMNS: u16 = 80;

/// Prints results as text or as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    json: bool,
}

impl Printer {
    /// Creates a printer for JSON, or for text.
    pub fn new(json: bool) -> Self {
        Printer { json }
    }

    /// Returns whether the output is JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a text and a line feed.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written to. If its reader has gone away, the exit is quiet.
    pub fn line(self, text: impl Display) -> Result<(), Exit> {
        write(format!("{}\n", printable(&text.to_string())).as_bytes())
    }

    /// Prints a text that ends as it ends.
    ///
    /// # Errors
    ///
    /// The same as for [`Printer::line`].
    pub fn text(self, text: &str) -> Result<(), Exit> {
        write(printable(text).to_string().as_bytes())
    }

    /// Prints our own bytes as they are.
    ///
    /// # Errors
    ///
    /// The same as for [`Printer::line`].
    pub fn verbatim(self, bytes: &[u8]) -> Result<(), Exit> {
        write(bytes)
    }

    /// Prints a value as one line of JSON.
    ///
    /// # Errors
    ///
    /// The same as for [`Printer::line`].
    pub fn json(self, value: &impl Serialize) -> Result<(), Exit> {
        write(format!("{}\n", to_json(value)).as_bytes())
    }

    /// Prints the first line of a program that goes on, whether anybody reads it or not: the text, or the value with
    /// `--json`.
    pub fn announce(self, text: impl Display, value: &impl Serialize) {
        let _ = if self.json { self.json(value) } else { self.line(text) };
    }

    /// Prints a line for people about what goes on, whether anybody reads it or not; nothing with `--json`.
    pub fn say(self, text: impl Display) {
        if !self.json {
            let _ = self.line(text); // the work goes on
        }
    }

    /// Prints a remark on standard error. A program that reads JSON gets none.
    pub fn note(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "note: {}", printable(&text.to_string())); // a remark that nobody can read
        }
    }

    /// Ends the process with the message and the code of an exit.
    pub fn end(self, exit: Exit) -> ! {
        let text = match self.json {
            true => exit.json().map(to_json),
            false => exit.text().map(|text| format!("error: {}", printable(text))),
        };
        if let Some(text) = text {
            let _ = writeln!(io::stderr(), "{text}"); // the exit code remains
        }
        std::process::exit(exit.code())
    }
}

fn write(bytes: &[u8]) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(unwritten)
}

/// Returns the exit for an output that cannot be written.
pub fn unwritten(error: io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Exit::unread(),
        _ => Exit::failed(anyhow::Error::new(error).context("write to standard output")),
    }
}

/// Returns a value as JSON in which characters that a terminal obeys are escaped. They occur in strings only.
fn to_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).expect("strings, numbers and maps with text keys can be serialized");
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match commands_a_terminal(c) {
            true => escaped += &format!("\\u{:04x}", u32::from(c)),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Returns the number of columns for tables; `None` if the output is no terminal, so that nothing must be cut.
///
/// As with other programs, the variable `COLUMNS` comes first.
pub fn columns() -> Option<u16> {
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
    let of_terminal = || {
        let columns = tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
        if columns == 0 { USUAL_COLUMNS } else { columns }
    };
    asked.or_else(|| io::stdout().is_terminal().then(of_terminal))
}

/// A writer for standard output that makes text printable if the output is a terminal. Files and pipes get each byte.
#[derive(Debug)]
pub struct ForTerminal<W> {
    out: W,
    is_terminal: bool,
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
}

impl<W: Write> ForTerminal<W> {
    /// Creates a writer.
    pub fn new(out: W, is_terminal: bool) -> Self {
        ForTerminal { out, is_terminal, rest: Vec::new() }
    }
}

impl<W: Write> Write for ForTerminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let cut = self.rest.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
        let whole: Vec<u8> = self.rest.drain(..self.rest.len() - cut.min(3)).collect();
        self.out.write_all(printable(&String::from_utf8_lossy(&whole)).to_string().as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.out.write_all(String::from_utf8_lossy(&rest).as_bytes())?;
        self.out.flush()
    }
}

/// Standard error for log lines. A failed write is no reason to end: the reader of the log may have gone away.
#[derive(Clone, Copy, Debug)]
pub struct LogOutput {
    is_terminal: bool,
}

impl LogOutput {
    /// Creates the writer.
    pub fn new() -> Self {
        LogOutput { is_terminal: io::stderr().is_terminal() }
    }

    /// Returns whether the log is written to a terminal, and may have colours.
    pub fn is_terminal(self) -> bool {
        self.is_terminal
    }
}

impl Write for LogOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        // The escape sequences of colours are our own; the log library escapes those of others.
        let is_ours =
            |c: char| matches!(c, '\n' | '\t') || (c == '\u{1b}' && self.is_terminal) || !commands_a_terminal(c);
        let shown: String = text.chars().map(|c| if is_ours(c) { c } else { '\u{fffd}' }).collect();
        let _ = io::stderr().write_all(shown.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_value_and_cannot_command_a_terminal() {
        let value = "a\u{202e}b\u{9b}31m\u{1b}\n";
        let json = to_json(&value);
        assert_eq!(json, r#""a\u202eb\u009b31m\u001b\n""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
    }

    #[test]
    fn a_terminal_gets_text_and_a_file_gets_bytes() {
        let bytes = "ä\u{1b}[31m€\u{202e}".as_bytes();
        for step in 1..=bytes.len() {
            let (mut shown, mut kept) = (Vec::new(), Vec::new());
            let mut terminal = ForTerminal::new(&mut shown, true);
            let mut file = ForTerminal::new(&mut kept, false);
            for piece in bytes.chunks(step) {
                terminal.write_all(piece).unwrap();
                file.write_all(piece).unwrap();
            }
            terminal.flush().unwrap();
            drop((terminal, file));
            assert_eq!(String::from_utf8(shown).unwrap(), r"ä\u{1b}[31m€\u{202e}", "in steps of {step}");
            assert_eq!(kept, bytes);
        }
    }
}

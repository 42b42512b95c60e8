//! `longshore init`: writes a sample configuration and a first job.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::Args;

use crate::Exit;
use crate::config::{KEYS, NAME as FILE};
use crate::kind;
use crate::printer::Printer;

/// Write a commented longshore.toml and a first job, a shell script
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore init
  longshore init --force")]
pub struct Init {
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

const HELLO: &str = "jobs/hello.sh";

impl Init {
    pub fn run(self, printer: Printer) -> Result<(), Exit> {
        let there: Vec<_> = [FILE, HELLO].into_iter().filter(|file| Path::new(file).exists()).collect();
        if !there.is_empty() && !self.force {
            let there = there.join(" and ");
            return Err(Exit::failed(anyhow::anyhow!(
                "nothing was written, because {there} already exists; use --force to overwrite"
            )));
        }
        fs::create_dir_all("jobs").context("create the folder `jobs`").map_err(Exit::failed)?;
        for (file, text) in [(HELLO, include_str!("init/hello.sh").to_owned()), (FILE, configuration())] {
            fs::write(file, text).with_context(|| format!("write `{file}`")).map_err(Exit::failed)?;
        }
        if printer.is_json() {
            return printer.json(&serde_json::json!({ "written": [FILE, HELLO] }));
        }
        printer.line(format_args!(
            "wrote {FILE} and {HELLO}; next:

    longshore up                                # server and worker, until Ctrl+C
    longshore enqueue hello '{{\"name\":\"Ada\"}}'   # in another terminal: prints the job's id
    longshore wait ID                           # its result

Any program can run jobs. To add your own, add a [[kind]] to {FILE} and restart `longshore up`."
        ))
    }
}

/// Returns a configuration file with all keys as comments, and one kind.
fn configuration() -> String {
    let mut text = String::from(
        "# The configuration of longshore. It contains every key with its default; remove the `#` to change one.\n\
         # `longshore check` reports the problems of this file.\n",
    );
    let (tables, top): (Vec<_>, Vec<_>) = KEYS.iter().partition(|key| key.name.contains('.'));
    for key in top {
        text += &commented(key.doc, key.name, &value(key.default));
    }
    let mut open = "";
    for key in tables {
        let (table, name) = key.name.split_once('.').expect("it has a dot");
        if table != open {
            text += &format!("\n[{table}]\n");
            open = table;
        }
        text += &commented(key.doc, name, &value(key.default));
    }
    text += "\n# A command that runs jobs. It reads the payload from standard input, and writes the result to standard output, and progress and log to standard error.\n\
             # There can be any number of these.\n[[kind]]\n";
    for key in kind::KEYS {
        text += &match key.name {
            "name" => "name = \"hello\"\n".to_owned(),
            "command" => format!("command = [\"sh\", \"{HELLO}\"]\n"),
            name if key.default.starts_with(['[', '{']) => commented(key.doc, name, key.default),
            name => commented(key.doc, name, &value(key.default)),
        };
    }
    text
}

/// Returns a key as a comment, below its description.
fn commented(doc: &str, name: &str, value: &str) -> String {
    let mut text = String::from("\n");
    let mut line = String::from("#");
    for word in doc.split_whitespace() {
        if line.len() + word.len() > 110 {
            text += &line;
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    text + &line + &format!("\n#{name} = {value}\n")
}

fn value(default: &str) -> String {
    let bare = default.parse::<bool>().is_ok() || default.parse::<u64>().is_ok();
    if bare { default.to_owned() } else { format!("{default:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_contains_every_key_with_a_valid_value() {
        let text = configuration();
        let all: String =
            text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).fold(String::new(), |all, line| {
                // The description of a key begins with a space; the key itself follows directly after `#`.
                if line.starts_with(' ') { all } else { all + line + "\n" }
            });
        let table: toml::Table = all.parse().unwrap_or_else(|e| panic!("{e}:\n{all}"));
        for key in KEYS {
            let found = match key.name.split_once('.') {
                Some((outer, inner)) => table.get(outer).and_then(|outer| outer.get(inner)),
                None => table.get(key.name),
            };
            assert!(found.is_some(), "{} is missing:\n{all}", key.name);
        }
        let kind = table["kind"][0].as_table().unwrap();
        assert!(kind::KEYS.iter().all(|key| kind.contains_key(key.name.split('.').next().unwrap())), "{all}");
    }
}

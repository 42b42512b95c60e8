//! `[[kind]]`: the commands that run jobs, from the configuration file.

use std::path::Path;
use std::time::Duration;

use longshore::{Job, JobPolicy, Kind, Retry, limits};
use longshore_command::{ATTEMPT_VARIABLES, Command, NotRunnable};
use longshore_demo::Image;
use toml::Value;

use crate::config::{plain, set_duration, suggest};
use crate::{Exit, environment};

/// A command that runs jobs of one kind.
#[derive(Clone, Debug)]
pub struct CommandKind {
    /// The kind.
    pub name: Kind,
    /// The command that runs its jobs.
    pub command: Command,
    /// The limits of its jobs.
    pub policy: JobPolicy,
    /// The maximum number of its jobs that a worker runs at a time, if limited.
    pub concurrency: Option<usize>,
}

impl CommandKind {
    /// Returns the error for a command that cannot be run.
    pub fn problem(&self, why: &NotRunnable) -> String {
        let program = self.command.argv.first().map_or("", String::as_str);
        format!("kind `{}`: cannot run `{program}`: {why}", self.name)
    }
}

/// Returns an error if one of the commands cannot be run.
pub fn check(kinds: &[CommandKind]) -> Result<(), Exit> {
    let wrong = |kind: &CommandKind| kind.command.find().err().map(|why| kind.problem(&why));
    let problems: Vec<_> = kinds.iter().filter_map(wrong).collect();
    if problems.is_empty() { Ok(()) } else { Err(Exit::config(problems)) }
}

/// One key of a `[[kind]]`.
pub struct Key {
    /// The key's name. The part before a dot is the name of a table.
    pub name: &'static str,
    /// The default, as it would be written in the file. Empty if there is none.
    pub default: &'static str,
    /// The meaning, including that of zero and of an empty value.
    pub doc: &'static str,
    set: fn(&mut Draft, &Value) -> Result<(), String>,
}

/// All keys of a `[[kind]]`.
pub const KEYS: &[Key] = &[
    Key {
        name: "name",
        default: "",
        doc: "The kind, as jobs name it. Required.",
        set: |draft, value| {
            let name: Kind = text(value)?.parse().map_err(|e: longshore::Error| format!("must be a kind: {e}"))?;
            if name.as_str() == Image::KIND {
                return Err(format!("= `{name}` is the demo's kind; choose another name"));
            }
            draft.name = Some(name);
            Ok(())
        },
    },
    Key {
        name: "command",
        default: "",
        doc: "The program and its arguments, as a list. It runs without a shell. A program name with a slash is relative to `directory`; \
              any other is searched in `PATH`. Required.",
        set: |draft, value| {
            if value.is_str() {
                return Err("must be a list such as [\"php\", \"resize.php\"], because it runs without a shell".into());
            }
            let argv = texts(value)?;
            if argv.first().is_none_or(String::is_empty) {
                return Err("contains no program".into());
            }
            draft.command.argv = argv;
            Ok(())
        },
    },
    Key {
        name: "timeout",
        default: "30m",
        doc: "How long an attempt may take, at most 24h. Then the command and all its child processes are killed. A job can only ask for \
              less.",
        set: |draft, value| {
            let mut timeout = Duration::ZERO;
            set_duration(&mut timeout, text(value)?)?;
            if timeout.is_zero() || timeout > limits::TIMEOUT {
                return Err("must be from 1ms to 24h".into());
            }
            draft.policy.timeout = Some(timeout);
            Ok(())
        },
    },
    Key {
        name: "max_attempts",
        default: "20",
        doc: "The number of attempts before a job is dead, from 1 to 1000. A job can only ask for fewer.",
        set: |draft, value| {
            let attempts = value.as_integer().and_then(|n| u16::try_from(n).ok());
            let attempts =
                attempts.filter(|n| (1..=limits::ATTEMPTS).contains(n)).ok_or("must be a number from 1 to 1000")?;
            draft.policy.max_attempts = Some(attempts);
            Ok(())
        },
    },
    Key {
        name: "concurrency",
        default: "0",
        doc: "The maximum number of jobs of this kind that one worker runs at a time, from 1 to 1000. 0: only `worker.concurrency` \
              limits it.",
        set: |draft, value| {
            let slots = value.as_integer().and_then(|n| usize::try_from(n).ok());
            let slots = slots.filter(|n| *n <= limits::BATCH).ok_or("must be a number from 0 to 1000")?;
            draft.concurrency = (slots > 0).then_some(slots);
            Ok(())
        },
    },
    Key {
        name: "retry.base",
        default: "2s",
        doc: "The delay before the second attempt. It doubles with each further attempt, and half of it is random. 0s retries immediately.",
        set: |draft, value| set_duration(&mut draft.policy.retry.base, text(value)?),
    },
    Key {
        name: "retry.cap",
        default: "1h",
        doc: "The maximum delay between two attempts.",
        set: |draft, value| set_duration(&mut draft.policy.retry.cap, text(value)?),
    },
    Key {
        name: "result",
        default: "",
        doc: "The media type of the command's output, such as `image/png`. Output that is declared as JSON must be valid JSON. If unset, the \
              type is detected: JSON, text or bytes.",
        set: |draft, value| {
            let media_type = text(value)?;
            if media_type.is_empty() {
                return Ok(());
            }
            let printable = media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            let essence = media_type.split(';').next().unwrap_or_default().trim();
            let parts = essence.split_once('/').filter(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
            if !printable || parts.is_none() {
                return Err(format!("= {media_type:?} must be a media type such as text/plain"));
            }
            draft.command.result = Some(media_type.to_owned());
            Ok(())
        },
    },
    Key {
        name: "env",
        default: r#"["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"]"#,
        doc: "The environment variables that the command inherits from the worker. It inherits no others.",
        set: |draft, value| {
            let names = texts(value)?;
            names.iter().try_for_each(|name| check_variable(name))?;
            draft.command.inherit = names;
            Ok(())
        },
    },
    Key {
        name: "set",
        default: "{}",
        doc: "Additional environment variables, such as `{ MODE = \"fast\" }`. They override inherited ones.",
        set: |draft, value| {
            let table = value.as_table().ok_or("must be a table such as { MODE = \"fast\" }")?;
            for (name, value) in table {
                check_variable(name)?;
                if ATTEMPT_VARIABLES.contains(&name.as_str()) {
                    return Err(format!("contains `{name}`, which the worker sets itself"));
                }
                let value = plain(value).filter(|value| !value.contains('\0'));
                let value = value.ok_or_else(|| format!("has a `{name}` that is not text"))?;
                draft.command.set.insert(name.clone(), value);
            }
            Ok(())
        },
    },
    Key {
        name: "directory",
        default: ".",
        doc: "The working directory of the command, relative to the folder of the configuration file.",
        set: |draft, value| {
            draft.command.directory = draft.command.directory.join(text(value)?);
            Ok(())
        },
    },
];

/// A kind while it is being read.
struct Draft {
    name: Option<Kind>,
    command: Command,
    policy: JobPolicy,
    concurrency: Option<usize>,
}

/// Reads all `[[kind]]` tables, and adds errors to `problems`.
pub fn read(value: Value, file: &Path, problems: &mut Vec<String>) -> Vec<CommandKind> {
    let tables = match value {
        Value::Array(values) if values.iter().all(Value::is_table) => values,
        _ => {
            problems.push(format!(
                "{}: `kind` must be a list of tables: write `[[kind]]` above each table",
                file.display()
            ));
            return Vec::new();
        }
    };
    let mut kinds: Vec<CommandKind> = Vec::new();
    for (index, table) in tables.iter().filter_map(Value::as_table).enumerate() {
        let called = match table.get("name").and_then(Value::as_str) {
            Some(name) => format!("{}: kind `{name}`:", file.display()),
            None => format!("{}: [[kind]] number {}:", file.display(), index + 1),
        };
        match read_one(table, file) {
            Ok(kind) if kinds.iter().any(|known| known.name == kind.name) => {
                problems.push(format!("{called} another kind has the same name"));
            }
            Ok(kind) => kinds.push(kind),
            Err(wrong) => problems.extend(wrong.into_iter().map(|wrong| format!("{called} {wrong}"))),
        }
    }
    kinds
}

fn read_one(table: &toml::Table, file: &Path) -> Result<CommandKind, Vec<String>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = Draft {
        name: None,
        command: Command::new([""; 0]),
        policy: JobPolicy { retry: Retry::DEFAULT, ..JobPolicy::default() },
        concurrency: None,
    };
    draft.command.directory = folder.to_owned();
    draft.command.lookup = environment::var;
    let mut problems = Vec::new();
    for (name, value) in flat(table) {
        match KEYS.iter().find(|key| key.name == name) {
            None => problems.push(format!("unknown key `{name}`{}", suggest(&name, KEYS.iter().map(|key| key.name)))),
            Some(key) => {
                if let Err(wrong) = (key.set)(&mut draft, value) {
                    problems.push(format!("`{name}` {wrong}"));
                }
            }
        }
    }
    for needed in ["name", "command"].into_iter().filter(|needed| !table.contains_key(*needed)) {
        problems.push(format!("`{needed}` is missing"));
    }
    match draft {
        Draft { name: Some(name), command, policy, concurrency } if problems.is_empty() => {
            Ok(CommandKind { name, command, policy, concurrency })
        }
        _ => Err(problems),
    }
}

/// Returns the keys of a kind. Keys of the table `retry` have the prefix `retry.`.
fn flat(table: &toml::Table) -> impl Iterator<Item = (String, &Value)> {
    table.iter().flat_map(|(name, value)| match value {
        Value::Table(inner) if name == "retry" => {
            inner.iter().map(|(inner, value)| (format!("retry.{inner}"), value)).collect::<Vec<_>>()
        }
        value => vec![(name.clone(), value)],
    })
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().filter(|text| !text.contains('\0')).ok_or_else(|| "must be a quoted string".into())
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().and_then(|list| list.iter().map(|item| text(item).ok().map(str::to_owned)).collect());
    list.ok_or_else(|| "must be a list of strings".into())
}

fn check_variable(name: &str) -> Result<(), String> {
    let wrong = name.is_empty() || name.contains(['=', '\0']);
    if wrong { Err(format!("contains {name:?}, which is not a valid variable name")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use longshore_command::INHERITED;

    use super::*;

    fn kinds(text: &str) -> (Vec<CommandKind>, Vec<String>) {
        let mut problems = Vec::new();
        let value = text.parse::<toml::Table>().unwrap().remove("kind").unwrap();
        let kinds = read(value, Path::new("etc/longshore.toml"), &mut problems);
        (kinds, problems)
    }

    #[test]
    fn a_kind_has_a_command_and_policy() {
        let (kinds, problems) = kinds(
            "[[kind]]\nname = 'resize'\ncommand = ['php', 'resize.php']\ntimeout = '60s'\nmax_attempts = 3\n\
             result = 'image/png'\nenv = ['PATH']\nset = { MODE = 'fast', LEVEL = 3 }\ndirectory = 'work'\n\
             retry = { base = '1s', cap = '1m' }\n[[kind]]\nname = 'b'\ncommand = ['b']\n",
        );
        assert_eq!(problems, [""; 0]);
        let resize = &kinds[0];
        assert_eq!(resize.command.argv, ["php", "resize.php"]);
        assert_eq!(resize.policy.timeout, Some(Duration::from_secs(60)));
        assert_eq!(resize.policy.max_attempts, Some(3));
        assert_eq!(resize.policy.retry, Retry { base: Duration::from_secs(1), cap: Duration::from_secs(60) });
        assert_eq!(resize.command.result.as_deref(), Some("image/png"));
        assert_eq!(resize.command.inherit, ["PATH"]);
        assert_eq!((resize.command.set["MODE"].as_str(), resize.command.set["LEVEL"].as_str()), ("fast", "3"));
        assert_eq!(resize.command.directory, Path::new("etc/work"));
        assert_eq!((kinds[1].policy, kinds[1].command.directory.as_path()), (JobPolicy::default(), Path::new("etc")));
        assert_eq!(kinds[1].command.inherit, INHERITED);
    }

    #[test]
    fn all_problems_are_reported_with_their_kind() {
        let (_, problems) = kinds(
            "[[kind]]\nname = 'a'\ncomand = ['a']\n\
             [[kind]]\ncommand = 'php resize.php'\nretry = { bas = '1s' }\n\
             [[kind]]\nname = 'image'\ncommand = []\ntimeout = '0s'\nmax_attempts = 0\nresult = 'png'\nenv = ['A=B']\n\
             set = { LONGSHORE_FENCE = '1' }\n\
             [[kind]]\nname = 'twice'\ncommand = ['a']\n[[kind]]\nname = 'twice'\ncommand = ['a']\n",
        );
        let mut all = problems.join("\n").replace("etc/longshore.toml: ", "");
        all.push('\n');
        for part in [
            "kind `a`: unknown key `comand`, did you mean `command`?\nkind `a`: `command` is missing\n",
            "[[kind]] number 2: `command` must be a list such as [\"php\", \"resize.php\"], because it runs without a shell\n",
            "[[kind]] number 2: unknown key `retry.bas`, did you mean `retry.base`?\n",
            "[[kind]] number 2: `name` is missing\n",
            "kind `image`: `name` = `image` is the demo's kind",
            "kind `image`: `command` contains no program\n",
            "kind `image`: `timeout` must be from 1ms to 24h\n",
            "kind `image`: `max_attempts` must be a number from 1 to 1000\n",
            "kind `image`: `result` = \"png\" must be a media type",
            "kind `image`: `env` contains \"A=B\"",
            "kind `image`: `set` contains `LONGSHORE_FENCE`",
            "kind `twice`: another kind has the same name\n",
        ] {
            assert!(all.contains(part), "{part:?} is missing:\n{all}");
        }
        assert_eq!(problems.len(), 13, "{all}");
        assert!(kinds("kind = 3").1[0].contains("write `[[kind]]`"));
        assert!(kinds("[kind]\nname = 'a'").1[0].contains("write `[[kind]]`"));
    }

    #[test]
    fn every_default_is_what_the_code_does() {
        let default = |name: &str| KEYS.iter().find(|key| key.name == name).expect("it is there").default;
        assert_eq!(humantime::parse_duration(default("timeout")).unwrap(), limits::DEFAULT_TIMEOUT);
        assert_eq!(default("max_attempts"), limits::DEFAULT_ATTEMPTS.to_string());
        assert_eq!(humantime::parse_duration(default("retry.base")).unwrap(), Retry::DEFAULT.base);
        assert_eq!(humantime::parse_duration(default("retry.cap")).unwrap(), Retry::DEFAULT.cap);
        assert_eq!(default("env"), format!("{INHERITED:?}"));
    }
}

//! `longshore check`: check everything before the first job, and report all problems of all parts together; with
//! `--repair`, repair the data of the store.

mod data;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use clap::Args;
use longshore::Error;
use rustix::fs::{Access, access};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{Config, Draft, Flags, KEYS};
use crate::kind;
use crate::printer::Printer;
use crate::remote::Remote;
use crate::serve::Place;
use crate::{Common, Exit, Stores};

/// Check configuration, store, address, commands and server, and report all problems together
///
/// It ends with exit code 4 if it finds a problem in any of them. It creates nothing: a store that does not exist yet is no problem.
///
/// With `--data` or `--repair` all data in the store is checked, too: counters, tags, keys and indexes that another program or a person
/// has changed, and jobs whose data contradicts itself. This reads every job, in small steps; workers may run meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore check
  longshore check --json
  longshore check --data
  longshore check --repair
  longshore check --repair --store redis://localhost
  longshore check --config /etc/longshore.toml
  longshore check --server http://127.0.0.1:8470
  longshore check --keys")]
pub struct Check {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    /// Also check whether this server answers [env: LONGSHORE_SERVER]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Check all data in the store, too; changes nothing
    #[arg(long, conflicts_with = "keys")]
    data: bool,
    /// Check all data in the store, repair it, and recount the jobs
    #[arg(long, conflicts_with = "keys")]
    repair: bool,
    /// List every configuration key with its default and meaning, and do nothing else
    #[arg(long)]
    keys: bool,
}

/// What was checked so far.
struct Checkup {
    printer: Printer,
    parts: Vec<Part>,
    findings: Vec<data::Finding>,
    problems: Vec<String>,
}

/// A part that was checked, and what is known about it.
#[derive(Debug, Serialize)]
struct Part {
    part: &'static str,
    text: String,
}

impl Checkup {
    /// Reports something that is right, as soon as it is known.
    fn fine(&mut self, part: &'static str, text: String) -> Result<(), Exit> {
        if !self.printer.is_json() {
            self.printer.line(format_args!("{part:<7} {text}"))?;
        }
        self.parts.push(Part { part, text });
        Ok(())
    }

    /// Notes something that is wrong, for the end.
    fn wrong(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }
}

impl Check {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        if self.keys {
            return list_keys(printer);
        }
        let mut flags = Flags::default();
        flags.set("listen", self.place.listen.clone());
        flags.set("server", self.server.clone());
        let Draft { config, problems, is_unreadable } = self.common.draft(flags);
        let mut checkup = Checkup { printer, parts: Vec::new(), findings: Vec::new(), problems };
        if let Some(file) = config.file.as_ref().filter(|_| !is_unreadable) {
            checkup.fine("config", file.display().to_string())?;
        }
        // Without the file, the defaults would be checked, which may be the store and the address of something else.
        if !is_unreadable || self.common.store.is_some() {
            self.check_store(&config, stores, &mut checkup).await?;
        }
        if !is_unreadable || self.place.listen.is_some() {
            check_address(&config, &mut checkup).await?;
        }
        for kind in &config.kinds {
            match kind.command.find() {
                Ok(program) => checkup.fine("kind", format!("{}: {}", kind.name, program.display()))?,
                Err(e) => checkup.wrong(kind.problem(&e)),
            }
        }
        if let Some(server) = &config.server {
            match ask(Remote::new(server, config.token.clone()), "/v1/queues?limit=1").await {
                Ok(_) => checkup.fine("server", format!("{server}: answers"))?,
                Err(e) => checkup.wrong(format!("server: {e}")),
            }
        }
        if printer.is_json() {
            let Checkup { parts, findings, problems, .. } = &checkup;
            printer.json(&json!({ "parts": parts, "findings": findings, "problems": problems }))?;
        }
        match checkup.problems.is_empty() {
            true if printer.is_json() => Ok(()),
            true => printer.line("all is well"),
            false => Err(Exit::findings(checkup.problems)),
        }
    }

    async fn check_store(&self, config: &Config, stores: &Stores, checkup: &mut Checkup) -> Result<(), Exit> {
        stores.end_at_signals()?;
        let longshore = match stores.find(config).await {
            Ok(Some(longshore)) => longshore,
            Ok(None) => {
                match folder_problem(config.store.reveal()) {
                    Some(problem) => checkup.wrong(format!("store: {problem}")),
                    None => checkup.fine(
                        "store",
                        format!(
                            "{}: does not exist yet; the first command that pushes or runs jobs creates it",
                            config.store
                        ),
                    )?,
                }
                return Ok(());
            }
            Err(e) => {
                checkup.wrong(format!("store: {e}"));
                return Ok(());
            }
        };
        let store = longshore.backend().capabilities();
        let (engine, version, durability) = (store.engine, &store.version, store.durability);
        checkup.fine(
            "store",
            format!("{}: {engine} {version}; an acknowledged job survives {durability}", config.store),
        )?;
        let backend = longshore.backend();
        let checked = match self.data || self.repair {
            true => data::walk(backend, self.repair, checkup.printer).await?.map(|walked| {
                let problem = walked.problem(self.repair);
                (Some(walked), problem)
            }),
            false => backend.queues(None, 1).await.map(|_| (None, None)),
        };
        match checked {
            Ok((walked, problem)) => {
                if let Some(walked) = walked {
                    checkup.fine("data", walked.to_string())?;
                    checkup.findings = walked.findings;
                }
                checkup.problems.extend(problem);
            }
            Err(e) => checkup.wrong(format!("store: {e}")),
        }
        Ok(())
    }
}

/// Prints every configuration key.
fn list_keys(printer: Printer) -> Result<(), Exit> {
    if printer.is_json() {
        let key = |name: &str, default: &str, doc: &str, env: Option<String>| json!({ "name": name, "default": default, "meaning": doc, "environment": env });
        let keys = KEYS.iter().map(|k| key(k.name, k.default, k.doc, Some(k.env())));
        let kinds = kind::KEYS.iter().map(|k| key(k.name, k.default, k.doc, None));
        return printer.json(&json!({ "keys": keys.collect::<Vec<_>>(), "kind": kinds.collect::<Vec<_>>() }));
    }
    for key in KEYS {
        let (name, default, doc) = (key.name, key.default, key.doc);
        printer.line(format_args!("{name} = {default:?}\n    {doc}\n    environment: {}", key.env()))?;
    }
    kind::KEYS
        .iter()
        .try_for_each(|key| printer.line(format_args!("[[kind]] {} = {}\n    {}", key.name, key.default, key.doc)))
}

/// Returns why the SQLite file of this URL could not be created.
fn folder_problem(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.split('?').next().unwrap_or_default();
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let error = access(folder, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(format!("it cannot be created, because the folder `{}` cannot be written: {error}", folder.display()))
}

/// Checks that a server could listen on the address, or that longshore already does.
async fn check_address(config: &Config, checkup: &mut Checkup) -> Result<(), Exit> {
    let address = config.listen;
    if !address.ip().is_loopback() && config.token.is_none() {
        checkup.wrong(format!(
            "listen: {address} is reachable from other machines, so a token is required: set LONGSHORE_TOKEN or token_file"
        ));
    }
    match TcpListener::bind(address) {
        Ok(_) => checkup.fine("listen", format!("{address}: free")),
        Err(e) if e.kind() == ErrorKind::AddrInUse && is_ours(config).await => {
            checkup.fine("listen", format!("{address}: longshore is running there"))
        }
        Err(e) => {
            checkup.wrong(format!("listen: {address}: {e}"));
            Ok(())
        }
    }
}

/// Returns whether longshore answers on the address.
async fn is_ours(config: &Config) -> bool {
    let ip = match config.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, config.listen.port());
    let remote = Remote::new(&format!("http://{address}"), config.token.clone());
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), ask(remote, "/openapi.json")).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|document| document["info"]["title"] == "longshore"))
}

/// Sends GET to a server.
async fn ask(remote: Remote, path: &'static str) -> Result<Value, Error> {
    let asked = tokio::task::spawn_blocking(move || remote.get::<Value>(path)).await;
    let answer = asked.unwrap_or_else(|e| Err(Error::new(longshore::ErrorKind::Unavailable, e.to_string())))?;
    Ok(answer.unwrap_or_default())
}

//! `longshore check`: check everything before the first job, and report all problems together; with `--repair`, repair the data of the store.

use std::net::TcpListener;
use std::time::Duration;

use clap::Args;
use longshore::{Backend, Error, RepairReport, RepairStep};

use crate::config::{Config, Flags, KEYS};
use crate::kind;
use crate::remote::Remote;
use crate::serve::Place;
use crate::{Common, Exit, Stores};

/// Check configuration, store and address, and report all problems together
///
/// With `--data` or `--repair` all data in the store is checked, too: counters, tags, keys and indexes that another program or a person
/// has changed, and jobs whose data contradicts itself. This reads every job, in small steps; workers may run meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore check
  longshore check --data
  longshore check --repair
  longshore check --repair --store redis://localhost
  longshore check --config /etc/longshore.toml
  longshore check --keys")]
pub struct Check {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
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

impl Check {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        if self.keys {
            KEYS.iter().for_each(|key| {
                println!("{} = {:?}\n    {}\n    environment: {}", key.name, key.default, key.doc, key.env())
            });
            kind::KEYS.iter().for_each(|key| println!("[[kind]] {} = {}\n    {}", key.name, key.default, key.doc));
            return Ok(());
        }
        let mut flags = Flags::default();
        flags.set("listen", self.place.listen);
        let config = self.common.load(flags)?;
        let mut problems = Vec::new();
        stores.end_at_signals()?;
        match stores.connect(&config).await {
            Ok(longshore) => {
                let store = longshore.backend().capabilities();
                println!(
                    "store   {}: {} {}; an acknowledged job survives {}",
                    config.store, store.engine, store.version, store.durability
                );
                let backend = longshore.backend();
                let checked = match self.data || self.repair {
                    true => walk(backend, self.repair).await.map(|walked| walked.problem(self.repair)),
                    false => backend.queues(None, 1).await.map(|_| None),
                };
                match checked {
                    Ok(problem) => problems.extend(problem),
                    Err(e) => problems.push(format!("store: {e}")),
                }
            }
            Err(e) => problems.push(format!("store: {e}")),
        }
        match listen(&config) {
            Ok(line) => println!("listen  {line}"),
            Err(e) => problems.push(format!("listen: {e}")),
        }
        for kind in &config.kinds {
            match kind.command.find() {
                Ok(program) => println!("kind    {}: {}", kind.name, program.display()),
                Err(e) => problems.push(kind.problem(&e)),
            }
        }
        if let Some(server) = config.server.clone() {
            let remote = Remote::new(&server, config.token.clone());
            let asked =
                tokio::task::spawn_blocking(move || remote.get::<serde_json::Value>("/v1/queues?limit=1")).await;
            match asked.map_err(|e| e.to_string()).and_then(|answer| answer.map_err(|e| e.to_string())) {
                Ok(_) => println!("server  {server}: answers"),
                Err(e) => problems.push(format!("server: {e}")),
            }
        }
        if problems.is_empty() {
            println!("all is well");
            return Ok(());
        }
        Err(Exit::config(problems))
    }
}

/// How often a step is tried that the store did not answer.
const TRIES: u32 = 5;

/// What a walk through the store has found.
#[derive(Debug, Default)]
struct Walked {
    repaired: usize,
    left: usize,
}

/// Walks through the store, and prints what is wrong there as it is found.
async fn walk(backend: &Backend, repair: bool) -> Result<Walked, Error> {
    let (mut walked, mut checked, mut after) = (Walked::default(), 0, None);
    loop {
        let piece = step(backend, RepairStep::first().write(repair).after(after)).await?;
        checked += piece.checked;
        for finding in &piece.findings {
            let word = if finding.repaired { "repaired" } else { "wrong" };
            println!("{word:<8} {finding}");
        }
        let repaired = piece.findings.iter().filter(|finding| finding.repaired).count();
        walked.repaired += repaired;
        walked.left += piece.findings.len() - repaired;
        after = piece.next;
        if after.is_none() {
            break;
        }
    }
    let Walked { repaired, left } = &walked;
    println!("data    {checked} entries checked: {} found, {repaired} repaired", repaired + left);
    Ok(walked)
}

/// Does a step, which is harmless to repeat.
async fn step(backend: &Backend, step: RepairStep) -> Result<RepairReport, Error> {
    let mut tries = 1;
    loop {
        match backend.repair(step.clone()).await {
            Err(e) if e.is_retryable() && tries < TRIES => tokio::time::sleep(Duration::from_secs(1)).await,
            done => return done,
        }
        tries += 1;
    }
}

impl Walked {
    /// Says what is left to do, where there is anything.
    fn problem(&self, repair: bool) -> Option<String> {
        let things = if self.left == 1 { "thing is" } else { "things are" };
        match (self.left, repair) {
            (0, _) => None,
            (left, false) => Some(format!(
                "store: {left} {things} wrong in it, see above: `longshore check --repair` repairs what can be repaired"
            )),
            (left, true) => Some(format!("store: {left} {things} still wrong in it, see above")),
        }
    }
}

fn listen(config: &Config) -> Result<String, String> {
    let address = config.listen;
    if !address.ip().is_loopback() && config.token.is_none() {
        return Err(format!(
            "{address} is reachable from other machines, so a token is required: set LONGSHORE_TOKEN or token_file"
        ));
    }
    match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address}: free")),
        Err(e) => Err(format!("{address}: {e}; perhaps longshore is already running there")),
    }
}

//! `longshore check`: check everything before the first job, and report all problems together.

use std::net::TcpListener;

use clap::Args;
use longshore::Longshore;

use crate::config::{Config, Flags, KEYS};
use crate::kind;
use crate::remote::Remote;
use crate::serve::Place;
use crate::{Common, Exit};

/// Check configuration, store and address, and report all problems together
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore check
  longshore check --config /etc/longshore.toml
  longshore check --keys")]
pub struct Check {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    /// List every configuration key with its default and meaning, and do nothing else
    #[arg(long)]
    keys: bool,
}

impl Check {
    pub async fn run(self) -> Result<(), Exit> {
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
        match Longshore::connect_with(config.store.reveal(), config.settings.clone()).await {
            Ok(longshore) => {
                let store = longshore.backend().capabilities();
                println!(
                    "store   {}: {} {}; an acknowledged job survives {}",
                    config.store, store.engine, store.version, store.durability
                );
                if let Err(e) = longshore.backend().queues(None, 1).await {
                    problems.push(format!("store: {e}"));
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

//! `longshore version`: prints what this program was built from.

use clap::Args;
use serde::Serialize;

use crate::Exit;
use crate::printer::Printer;

/// Print the version, the commit, the built-in stores and the target of this program
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore version
  longshore version --json")]
pub struct Version {}

/// What this program was built from.
#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    commit: &'static str,
    features: Vec<&'static str>,
    target: &'static str,
    profile: &'static str,
    sqlite: &'static str,
}

impl Version {
    pub fn run(self, printer: Printer) -> Result<(), Exit> {
        let build = Build {
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("LONGSHORE_COMMIT"),
            features: longshore::SCHEMES.iter().map(|(store, _)| *store).collect(),
            target: env!("LONGSHORE_TARGET"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            sqlite: longshore::sqlite::rusqlite::version(),
        };
        if printer.is_json() {
            return printer.json(&build);
        }
        let Build { version, commit, features, target, profile, sqlite } = build;
        let features = features.join(", ");
        printer.line(format_args!(
            "longshore {version}\ncommit    {commit}\nfeatures  {features}\ntarget    {target}, {profile}\nSQLite    {sqlite}"
        ))
    }
}

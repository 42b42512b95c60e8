//! The workspace: allowed dependencies between crates, and licences of third-party code.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo answers JSON")
}

/// The crates of the workspace that each crate may use. All others are not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("longshore-core", &[]),
    ("longshore-derive", &[]),
    ("longshore-conformance", &["longshore-core", "longshore-testbed"]),
    ("longshore-lossy", &[]),
    ("longshore-testbed", &[]),
    ("longshore-redis", &["longshore-core"]),
    ("longshore-postgres", &["longshore-core"]),
    ("longshore-sqlite", &["longshore-core"]),
    ("longshore-command", &["longshore-core"]),
    ("longshore-demo", &["longshore-core"]),
    ("longshore-wire", &["longshore-core"]),
    ("longshore-server", &["longshore-core", "longshore-demo", "longshore-wire"]),
    ("longshore", &["longshore-core", "longshore-derive", "longshore-postgres", "longshore-redis", "longshore-sqlite"]),
    ("longshore-bench", &["longshore", "longshore-testbed"]),
    ("longshore-examples", &["longshore"]),
    ("longshore-cli", &["longshore", "longshore-command", "longshore-demo", "longshore-server", "longshore-wire"]),
];

#[test]
fn arrows_between_crates_point_at_core() {
    let metadata = metadata(&["--no-deps"]);
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let ours = package["dependencies"].as_array().unwrap().iter().filter(|dependency| {
            dependency["kind"].is_null() && dependency["name"].as_str().unwrap().starts_with("longshore")
        });
        let names: BTreeSet<_> = ours.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
        found.insert(package["name"].as_str().unwrap().to_owned(), names);
    }
    let allowed: BTreeMap<_, _> = ARROWS
        .iter()
        .map(|(from, to)| ((*from).to_owned(), to.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()))
        .collect();
    assert_eq!(found, allowed, "an arrow was added or taken away: see ARCHITECTURE.md, then this list");
}

#[test]
fn dependencies_come_from_the_registry_under_licences_we_may_ship() {
    let policy: toml::Table = include_str!("../../../../deny.toml").parse().expect("deny.toml is TOML");
    let list = |table: &str, key: &str| policy[table][key].as_array().expect("a list").clone();
    let allowed: BTreeSet<_> = list("licenses", "allow").iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let banned: BTreeSet<_> = list("bans", "deny").iter().map(|ban| ban["name"].as_str().unwrap().to_owned()).collect();
    for package in metadata(&[])["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(source) = package["source"].as_str() else { continue };
        assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name} comes from elsewhere");
        assert!(!banned.contains(name), "{name} is banned by deny.toml");
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        let expression = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX).expect("an SPDX expression");
        let fits = expression.evaluate(|requirement| allowed.contains(&requirement.to_string()));
        assert!(fits, "{name} has licence `{licence}`, which deny.toml does not allow");
    }
}

#[test]
fn sqlite_without_the_wal_reset_bug_lives_beside_sqlx() {
    let packages = metadata(&[]);
    let version = packages["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "libsqlite3-sys")
        .and_then(|package| package["version"].as_str())
        .expect("SQLite is bundled");
    // sqlx 0.9 allows libsqlite3-sys up to 0.37; a newer one here would make both impossible in one lock file.
    assert!(version.starts_with("0.37."), "libsqlite3-sys is {version}");
    assert!(rusqlite::version_number() >= 3_051_003, "SQLite is {}", rusqlite::version());
}

#[test]
fn release_programs_have_no_symbols_and_those_for_a_profiler_do() {
    let manifest: toml::Table = include_str!("../../../../Cargo.toml").parse().expect("Cargo.toml is TOML");
    let profiles = &manifest["profile"];
    assert_eq!(profiles["release"]["strip"].as_str(), Some("symbols"));
    assert_eq!(profiles["dist"]["inherits"].as_str(), Some("release"));
    let profiling = &profiles["profiling"];
    assert_eq!((profiling["inherits"].as_str(), profiling["strip"].as_str()), (Some("release"), Some("none")));
    assert!(profiling["debug"].as_str().is_some_and(|debug| debug != "none"));
}

//! Tells the program which commit it is built from, and for which target: `longshore version` prints both.

use std::path::Path;
use std::process::Command;

fn main() {
    // A build without the repository, such as a package of a distribution, may set the variable itself.
    println!("cargo:rerun-if-env-changed=LONGSHORE_COMMIT");
    let commit = std::env::var("LONGSHORE_COMMIT").ok().or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo:rustc-env=LONGSHORE_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo:rustc-env=LONGSHORE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    // A commit moves the head or the branch that the head names. Without the repository only this file matters.
    println!("cargo:rerun-if-changed=build.rs");
    let head = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD".to_owned()].into_iter().chain(head) {
        if let Some(file) = git(&["rev-parse", "--git-path", &name]).filter(|file| Path::new(file).exists()) {
            println!("cargo:rerun-if-changed={file}");
        }
    }
}

/// Returns what git answers about this repository; `None` without git, or in a folder of another repository.
fn git(args: &[&str]) -> Option<String> {
    let here = |output: std::process::Output| {
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let tracked = Command::new("git").args(["ls-files", "--error-unmatch", "build.rs"]).output().ok()?;
    here(tracked)?;
    here(Command::new("git").args(args).output().ok()?)
}

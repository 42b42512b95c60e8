//! The compiler says what is wrong with a handler, for the five most common mistakes.

use std::process::Command;

/// The release of the compiler whose messages are recorded. Other releases word their own parts differently.
const RUSTC: &str = "rustc 1.95.";

/// After a change of the messages or of the compiler, record them with `TRYBUILD=overwrite`, and read them.
#[test]
fn compiler_says_what_is_wrong_with_a_handler() {
    let version = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let version = String::from_utf8(version.expect("there is a compiler").stdout).expect("its version is text");
    if !version.starts_with(RUSTC) {
        eprintln!("not compared: the messages of {RUSTC}x are recorded, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_errors/*.rs");
}

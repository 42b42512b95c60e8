//! The suite can fail: every store with a bug is caught by a case with a name, and the same store without one by none.

use std::panic::{set_hook, take_hook};
use std::sync::Once;

use longshore_conformance::mutants;
use longshore_conformance::mutants::{MUTANTS, false_alarms};

/// Begins what is to be printed: what cases say of a mutant is not.
const VERDICT: &str = "VERDICT";

/// Keeps the panics of cases from being printed, by the hundred.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if panic.payload_as_str().is_some_and(|text| text.starts_with(VERDICT)) {
                print(panic);
            }
        }));
    });
}

fn is_caught(name: &str) {
    silence();
    let mutant = MUTANTS.iter().find(|mutant| mutant.name == name).expect("the list made this test");
    let (caught, cases) = mutant.caught_by();
    println!("{name}: {} ({} of {cases} cases fail)\n    {}", mutant.sentence, caught.len(), caught.join("\n    "));
    assert!(!caught.is_empty(), "{VERDICT}: no case catches the mutant `{name}`: {}", mutant.sentence);
}

mutants!();

/// The wrapper without a bug passes every case that is to catch a mutant.
#[test]
fn healthy_store_raises_no_alarm() {
    silence();
    let (alarms, cases) = false_alarms();
    assert!(cases > 100, "{VERDICT}: {cases} cases are few");
    assert!(alarms.is_empty(), "{VERDICT}: the healthy store fails {alarms:?}");
}

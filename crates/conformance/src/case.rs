//! A case and its tests: one, and one more for each fault.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use longshore_core::Settings;

use crate::bench::Bench;
use crate::list::CASES;
use crate::{Fault, Fixture};

/// One property that every store must have.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule that it belongs to, which is the name of its module.
    pub rule: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it checks, in one sentence.
    pub sentence: &'static str,
    /// Why it is not repeated with [faults](crate::Fault), if it is not.
    pub once: Option<&'static str>,
    pub(crate) run: fn(Bench) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// A case that takes longer hangs. The time is generous, because large cases run side by side on small machines.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs one case over a new fixture, whose calls go wrong in the given way, if any. Panics if the store is wrong.
#[doc(hidden)]
pub fn run<F: Fixture>(rule: &str, name: &str, fault: Option<Fault>) {
    let case = CASES.iter().find(|case| case.rule == rule && case.name == name).expect("the list made this test");
    // Threads have the name of their test, so that a panic shows the test.
    let test = std::thread::current().name().unwrap_or("case").to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).thread_name(test).enable_all().build();
    let done = runtime.expect("a runtime can be built").block_on(async {
        let bench = Bench::open(|settings| Box::pin(open::<F>(settings)), Settings::default(), fault).await;
        tokio::time::timeout(PATIENCE * crate::seeds::times() as u32, (case.run)(bench)).await
    });
    assert!(done.is_ok(), "{rule}::{name} has not ended within {PATIENCE:?}");
}

async fn open<F: Fixture>(settings: Settings) -> Box<dyn Fixture> {
    Box::new(F::open(settings).await)
}

/// Creates a test for each case, and one more for each fault. [`conformance!`](crate::conformance) expands to it.
#[doc(hidden)]
#[macro_export]
macro_rules! a_test_each {
    ([$fixture:ty] $($rule:ident $(once $why:literal)? { $($cases:tt)* })*) => {
        $(
            $crate::tests_of_a_rule! { [$fixture] [None] $rule { $($cases)* } }
        )*
        /// The cases again, with calls that go wrong and a caller that repeats them.
        mod faults {
            use super::*;
            /// Calls that never arrive.
            mod not_done {
                use super::*;
                $( $crate::faulty_tests_of_a_rule! { [$fixture] NotDone [$($why)?] $rule { $($cases)* } } )*
            }
            /// Calls that take effect while the caller sees a time-out.
            mod answer_lost {
                use super::*;
                $( $crate::faulty_tests_of_a_rule! { [$fixture] AnswerLost [$($why)?] $rule { $($cases)* } } )*
            }
            /// Calls that arrive twice.
            mod twice {
                use super::*;
                $( $crate::faulty_tests_of_a_rule! { [$fixture] Twice [$($why)?] $rule { $($cases)* } } )*
            }
        }
    };
}

/// Creates the tests of one rule.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of_a_rule {
    ([$fixture:ty] [$fault:expr] $rule:ident { $($name:ident: $sentence:literal $(once $why:literal)?,)* }) => {
        mod $rule {
            use super::*;
            $(
                #[doc = $sentence]
                #[test]
                fn $name() {
                    $crate::run::<$fixture>(stringify!($rule), stringify!($name), $fault);
                }
            )*
        }
    };
}

/// Creates the tests of one rule with a fault, except for cases or rules that run once.
#[doc(hidden)]
#[macro_export]
macro_rules! faulty_tests_of_a_rule {
    ([$fixture:ty] $fault:ident [$once:literal] $($rule:tt)*) => {};
    ([$fixture:ty] $fault:ident [] $rule:ident { $($name:ident: $sentence:literal $(once $why:literal)?,)* }) => {
        mod $rule {
            use super::*;
            $( $crate::faulty_test! { [$fixture] $fault [$($why)?] $rule $name $sentence } )*
        }
    };
}

/// Creates one test with a fault, except for a case that runs once.
#[doc(hidden)]
#[macro_export]
macro_rules! faulty_test {
    ([$fixture:ty] $fault:ident [$once:literal] $($case:tt)*) => {};
    ([$fixture:ty] $fault:ident [] $rule:ident $name:ident $sentence:literal) => {
        #[doc = $sentence]
        #[test]
        fn $name() {
            $crate::run::<$fixture>(stringify!($rule), stringify!($name), Some($crate::Fault::$fault));
        }
    };
}

macro_rules! a_case_each {
    ([] $($rule:ident $(once $group:literal)? { $($cases:tt)* })*) => {
        /// Every case, in the order of the rules.
        pub const CASES: &[Case] = {
            const RULES: &[&[Case]] = &[$( cases_of_a_rule! { [$($group)?] $rule $($cases)* } ),*];
            &flat::<{ count(RULES) }>(RULES)
        };
    };
}

macro_rules! cases_of_a_rule {
    ([$($group:literal)?] $rule:ident $($name:ident: $sentence:literal $(once $why:literal)?,)*) => {{
        const GROUP: Option<&str> = first(&[$($group)?]);
        &[$(
            Case {
                rule: stringify!($rule),
                name: stringify!($name),
                sentence: $sentence,
                once: if GROUP.is_some() { GROUP } else { first(&[$($why)?]) },
                run: |bench| Box::pin($crate::$rule::$name(bench)),
            },
        )*]
    }};
}

pub(crate) const fn first(reasons: &[&'static str]) -> Option<&'static str> {
    match reasons {
        [reason, ..] => Some(reason),
        [] => None,
    }
}

pub(crate) const fn count(rules: &[&[Case]]) -> usize {
    let (mut n, mut rule) = (0, 0);
    while rule < rules.len() {
        n += rules[rule].len();
        rule += 1;
    }
    n
}

/// Puts the cases of all rules into one list, at compile time.
pub(crate) const fn flat<const N: usize>(rules: &[&[Case]]) -> [Case; N] {
    let mut all = [rules[0][0]; N];
    let (mut n, mut rule) = (0, 0);
    while rule < rules.len() {
        let mut case = 0;
        while case < rules[rule].len() {
            all[n] = rules[rule][case];
            (n, case) = (n + 1, case + 1);
        }
        rule += 1;
    }
    all
}

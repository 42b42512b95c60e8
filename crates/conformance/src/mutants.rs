//! Stores with one bug each. They prove that the suite can fail.
//!
//! Each mutant is a healthy store behind a wrapper with a bug of a kind that real queues have had.
//! [`mutants!`](crate::mutants!) creates a test of each, which fails if no case of its rules catches the mutant: then
//! the suite has a gap.
//!
//! In reading order: `sick` (a store and its bug), then the bugs: `fences` (who may settle), `claims`, `pushes`,
//! `moves` (effects of settles, upkeep and actions on a job).

mod sick;
mod fences;
mod claims;
mod pushes;
mod moves;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use self::sick::{Bug, Fine, Sick};
use crate::{CASES, Fixture};

/// A store with one bug.
#[derive(Clone, Copy, Debug)]
struct Mutant {
    /// The bug, as a name.
    name: &'static str,
    /// The bug, in one sentence.
    sentence: &'static str,
    /// The rules of which a case should catch it.
    rules: &'static [&'static str],
    run: fn(&str, &str),
}

impl Mutant {
    /// Runs the cases of its rules over the mutant, one after another. Returns the first that fails.
    fn caught_by(&self) -> Option<String> {
        self.fails(|rule| self.rules.contains(&rule)).next()
    }

    fn fails(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        silence();
        let fails = |rule, name| catch_unwind(AssertUnwindSafe(|| (self.run)(rule, name))).is_err();
        let cases = CASES.iter().filter(move |case| wanted(case.rule) && fails(case.rule, case.name));
        cases.map(|case| format!("{}::{}", case.rule, case.name))
    }
}

/// Marks text to print. The output of cases about a mutant is not printed.
const VERDICT: &str = "VERDICT";

/// Suppresses the output of hundreds of panics of cases, on the thread of this test and on threads with its name; see
/// `run`.
fn silence() {
    static SILENT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    static ONCE: Once = Once::new();
    let silent = || SILENT.lock().unwrap_or_else(PoisonError::into_inner);
    silent().extend(thread::current().name().map(str::to_owned));
    ONCE.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            let is_silent = thread::current().name().is_some_and(|name| silent().contains(name));
            if !is_silent || panic.payload_as_str().is_some_and(|text| text.starts_with(VERDICT)) {
                print(panic);
            }
        }));
    });
}

/// Asserts that a case catches the mutant, over the stores of that fixture.
#[doc(hidden)]
pub fn is_caught<F: Fixture>(name: &str) {
    let mutant = mutants::<F>().into_iter().find(|mutant| mutant.name == name).expect("the list made this test");
    match mutant.caught_by() {
        Some(case) => println!("{name}: {} Caught by {case}.", mutant.sentence),
        None => panic!("{VERDICT}: no case catches the mutant `{name}`: {}", mutant.sentence),
    }
}

/// Asserts that the wrapper without a bug passes every case that should catch a mutant.
#[doc(hidden)]
pub fn raises_no_alarm<F: Fixture>() {
    let all = mutants::<F>();
    let healthy = Mutant { name: "healthy", sentence: "It has no bug.", rules: &[], run: run::<F, Fine> };
    let alarms: Vec<_> = healthy.fails(|rule| all.iter().any(|mutant| mutant.rules.contains(&rule))).collect();
    assert!(alarms.is_empty(), "{VERDICT}: the healthy store fails {alarms:?}");
}

fn run<F: Fixture, B: Bug>(rule: &str, name: &str) {
    crate::run::<Sick<F, B>>(rule, name, None);
}

/// Creates a test of each mutant of the stores of that fixture. It fails if no case catches the mutant. It needs a
/// separate test file, because it suppresses the output of panics.
#[macro_export]
macro_rules! mutants {
    ($fixture:ty) => {
        $crate::each_mutant! { [$crate::a_test_of_each_mutant] [$fixture] }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! a_test_of_each_mutant {
    ([$fixture:ty] $($module:ident { $($bug:ident $name:ident [$($rule:ident)*]: $sentence:literal,)* })*) => {
        $($(
            #[doc = $sentence]
            #[test]
            fn $name() {
                $crate::mutants::is_caught::<$fixture>(stringify!($name));
            }
        )*)*
    };
}

macro_rules! the_list {
    ([] $($module:ident { $($bug:ident $name:ident [$($rule:ident)*]: $sentence:literal,)* })*) => {
        fn mutants<F: Fixture>() -> Vec<Mutant> {
            vec![$($(
                Mutant {
                    name: stringify!($name),
                    sentence: $sentence,
                    rules: &[$(stringify!($rule)),*],
                    run: run::<F, $module::$bug>,
                },
            )*)*]
        }
    };
}

/// Passes the list of mutants to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! each_mutant {
    ([$($then:tt)*] [$($args:tt)*]) => { $($then)*! { [$($args)*]

fences {
    SettlesById settles_by_id [settled_once simulator]: "A settle checks the id instead of the token.",
    SettlesByState settles_by_state [settled_once simulator]: "A settle is accepted if the job runs in any worker.",
    FencesByAttempt fences_by_attempt [settled_once simulator]: "The number of the attempt is used instead of the token.",
    FencesByWorker fences_by_worker [settled_once simulator]: "The worker's id is used instead of the token.",
    RenewsById renews_by_id [settled_once simulator]: "A renewal checks the id instead of the token.",
    RefusesLateSettles refuses_late_settles [settled_once simulator]: "A settle after the end of the lease is lost, although no other claim has the job.",
    ForgetsSettles forgets_settles [repeats simulator]: "A repeated settle answers lost.",
}

claims {
    ClaimsInTwoSteps claims_in_two_steps [claims_are_disjoint simulator]: "A claim reads candidates and then takes them, even if another claim took them in between.",
    ClaimsNewJobsWhenRepeated claims_new_jobs_when_repeated [claims_are_disjoint simulator]: "A repeated claim returns new jobs, and the first ones are stranded.",
    ClaimsOfTheReleased claims_of_the_released [deaths simulator]: "A worker that was released may claim.",
    ClaimsEveryKind claims_every_kind [claims_are_disjoint simulator]: "A worker gets jobs of kinds that it does not know.",
    ClaimsIsolatedBesideOthers claims_isolated_beside_others [deaths]: "A job that crashed twice runs beside others.",
    ClaimsWithoutLimit claims_without_limit [claims_are_disjoint simulator]: "A claim returns more jobs than its limit.",
    ClaimsOfThePaused claims_of_the_paused [pausing simulator]: "Jobs of a paused queue are claimed.",
}

pushes {
    AnswersBeforeInsert answers_before_insert [push_is_kept simulator]: "A push is answered before its jobs are stored, and a crash in between loses them.",
    NotifiesBeforeInsert notifies_before_insert [notifications]: "Workers are notified of a job before it is stored, claim, and find nothing.",
    DuplicatesRepeats duplicates_repeats [push_is_kept simulator]: "A repeated push creates a second job.",
    ReadsThenInserts reads_then_inserts [keys simulator]: "A unique key is looked up and then taken, even if another job took it in between.",
    IgnoresRunAt ignores_run_at [claims_are_disjoint simulator]: "A job runs at once, whatever time it is scheduled for.",
    IgnoresDeadlines ignores_deadlines [unknown_and_expired]: "A deadline is ignored.",
    LosesKeysOfTheDead loses_keys_of_the_dead [keys simulator]: "A dead job keeps its unique key for ever.",
}

moves {
    RescuesNobody rescues_nobody [leases simulator]: "The job of a dead worker is never free again.",
    RescuesTheLiving rescues_the_living [leases simulator]: "A rescue takes jobs whose lease still holds.",
    RescueCostsAnAttempt rescue_costs_an_attempt [deaths simulator]: "A crash of the worker costs the job an attempt.",
    ReleaseCostsAnAttempt release_costs_an_attempt [deaths simulator]: "A release costs the job an attempt.",
    CrashesAreInterruptions crashes_are_interruptions [deaths simulator]: "A crash that a supervisor reports is not counted.",
    RetriesInTwoTransactions retries_in_two_transactions [simulator]: "A retry removes the job and inserts it again later; a crash in between loses it.",
    ForgetsRetryDelays forgets_retry_delays [claims_are_disjoint simulator]: "A retry is due at once, whatever its delay.",
    IgnoresRetention ignores_retention [retention simulator]: "Upkeep deletes all finished jobs at once.",
    KeepsForEver keeps_for_ever [retention simulator]: "Upkeep deletes nothing.",
    UpkeepWithoutBounds upkeep_without_bounds [leases simulator]: "Upkeep ignores its limit.",
    IgnoresCancels ignores_cancels [acting simulator]: "A cancel of a running job is answered but has no effect.",
    CountsDrift counts_drift [reading simulator]: "The counts do not include cancelled jobs.",
}

    } };
}

each_mutant! { [the_list] [] }

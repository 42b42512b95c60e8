//! Stores with one bug each: whoever doubts that the suite can fail lets them prove it.
//!
//! Each mutant is a healthy store behind a wrapper with a bug of the kind that queues have had. [`mutants!`](crate::mutants!) makes a
//! test of each, which fails where no case of its rules catches it: a hole in the suite.
//!
//! In reading order: `sick` (a store and its bug), then the bugs: `fences` (who may settle), `claims`, `pushes`, `moves` (what
//! settling, upkeep and people do to a job).

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
    /// What it does wrong, as a name.
    name: &'static str,
    /// What it does wrong, in one sentence.
    sentence: &'static str,
    /// The rules of which some case should catch it.
    rules: &'static [&'static str],
    run: fn(&str, &str),
}

impl Mutant {
    /// Runs the cases of its rules over the mutant, one after another, and returns the first that fails.
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

/// Begins what is to be printed: what cases say of a mutant is not.
const VERDICT: &str = "VERDICT";

/// Keeps the panics of cases from being printed, by the hundred, on the thread of this test and on those that are called like it; see `run`.
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

/// Asserts that some case catches the mutant, over the stores of that fixture.
#[doc(hidden)]
pub fn is_caught<F: Fixture>(name: &str) {
    let mutant = mutants::<F>().into_iter().find(|mutant| mutant.name == name).expect("the list made this test");
    match mutant.caught_by() {
        Some(case) => println!("{name}: {} Caught by {case}.", mutant.sentence),
        None => panic!("{VERDICT}: no case catches the mutant `{name}`: {}", mutant.sentence),
    }
}

/// Asserts that the wrapper without a bug passes every case that is to catch a mutant.
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

/// Makes a test of each mutant of the stores of that fixture: it fails if no case does. In a test file of its own, because it
/// keeps panics from being printed.
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

/// Hands the list of mutants to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! each_mutant {
    ([$($then:tt)*] [$($args:tt)*]) => { $($then)*! { [$($args)*]

fences {
    SettlesById settles_by_id [settled_once simulator]: "A settle looks at the id and not at the token.",
    SettlesByState settles_by_state [settled_once simulator]: "A settle counts if the job is running, whoever runs it.",
    FencesByAttempt fences_by_attempt [settled_once simulator]: "The attempt's number stands in for the token.",
    FencesByWorker fences_by_worker [settled_once simulator]: "The worker's name stands in for the token.",
    RenewsById renews_by_id [settled_once simulator]: "A renewal looks at the id and not at the token.",
    RefusesLateSettles refuses_late_settles [settled_once simulator]: "A settle past the lease's end is lost, though nobody else has the job.",
    ForgetsSettles forgets_settles [repeats simulator]: "A repeated settle is told lost.",
}

claims {
    ClaimsInTwoSteps claims_in_two_steps [claims_are_disjoint simulator]: "A claim reads candidates and then takes them, whoever took them in between.",
    ClaimsAnewWhenRepeated claims_anew_when_repeated [claims_are_disjoint simulator]: "A repeated claim hands out new jobs and strands the first.",
    ClaimsOfTheReleased claims_of_the_released [deaths simulator]: "A worker that was released may claim.",
    ClaimsEveryKind claims_every_kind [claims_are_disjoint simulator]: "A worker gets kinds that it does not know.",
    ClaimsSuspectsBesideOthers claims_suspects_beside_others [deaths]: "A job that crashed twice runs beside others.",
    ClaimsWithoutLimit claims_without_limit [claims_are_disjoint simulator]: "A claim hands out more than it was asked for.",
    ClaimsOfThePaused claims_of_the_paused [pausing simulator]: "A paused queue hands out jobs.",
}

pushes {
    AnswersBeforeInsert answers_before_insert [push_is_kept simulator]: "A push is answered before its jobs are there, and a crash in between loses them.",
    NotifiesBeforeInsert notifies_before_insert [notifications]: "Workers hear of a job before it is there, look, and find nothing.",
    DuplicatesRepeats duplicates_repeats [push_is_kept simulator]: "A repeated push makes a second job.",
    ReadsThenInserts reads_then_inserts [keys simulator]: "A unique key is looked up, and then taken, whoever took it in between.",
    IgnoresRunAt ignores_run_at [claims_are_disjoint simulator]: "A job runs at once, whenever it was to run.",
    IgnoresDeadlines ignores_deadlines [unknown_and_expired]: "A deadline is not kept.",
    LosesKeysOfTheDead loses_keys_of_the_dead [keys simulator]: "A dead job keeps its unique key for ever.",
}

moves {
    RescuesNobody rescues_nobody [leases simulator]: "The job of a dead worker is never free again.",
    RescuesTheLiving rescues_the_living [leases simulator]: "A rescue takes jobs whose lease still holds.",
    RescueBurnsAnAttempt rescue_burns_an_attempt [deaths simulator]: "A crash of the worker costs the job an attempt.",
    ReleaseBurnsAnAttempt release_burns_an_attempt [deaths simulator]: "A job that is handed back has lost an attempt.",
    CrashesAreInterruptions crashes_are_interruptions [deaths simulator]: "A crash that a supervisor tells of is not counted.",
    RetriesInTwoTransactions retries_in_two_transactions [simulator]: "A retry takes the job out and puts it back later; a crash in between loses it.",
    ForgetsRetryDelays forgets_retry_delays [claims_are_disjoint simulator]: "A retry is due at once, however long it was to wait.",
    IgnoresRetention ignores_retention [retention simulator]: "Upkeep deletes whatever is finished.",
    KeepsForEver keeps_for_ever [retention simulator]: "Upkeep deletes nothing.",
    UpkeepWithoutBounds upkeep_without_bounds [leases simulator]: "Upkeep does all there is to do, however much that is.",
    IgnoresCancels ignores_cancels [acting simulator]: "A cancel of a running job is answered and forgotten.",
    CountsDrift counts_drift [reading simulator]: "The counts forget jobs that were called off.",
}

    } };
}

each_mutant! { [the_list] [] }

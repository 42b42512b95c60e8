//! Faults between a caller and a store, and a caller that repeats its calls as the contract allows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use longshore_core::{Error, ErrorKind, Store};

use crate::through::{Calling, Layer, Through, Verb};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It never arrives, and the caller knows.
    NotDone,
    /// It takes effect, and its answer is lost: the caller sees only a time-out.
    AnswerLost,
    /// It arrives twice, and the caller sees one of the two answers.
    Twice,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 3] = [Fault::NotDone, Fault::AnswerLost, Fault::Twice];
}

/// A connection to a store that fails sometimes, by a plan.
pub(crate) struct Faults(Mutex<Plan>);

/// Which calls fail, and how.
enum Plan {
    /// Half of all calls, in any way.
    Dice(fastrand::Rng),
    /// Two of three calls fail in one way, as far as the answers to a repeat allow.
    Mode(Fault, fastrand::Rng),
    /// The next calls fail like this, in turn; the following ones do not.
    Script(VecDeque<Option<Fault>>),
}

impl Faults {
    pub(crate) fn by_dice(dice: fastrand::Rng) -> Self {
        Faults(Mutex::new(Plan::Dice(dice)))
    }

    pub(crate) fn of_one_mode(fault: Fault, dice: fastrand::Rng) -> Self {
        Faults(Mutex::new(Plan::Mode(fault, dice)))
    }

    pub(crate) fn by_script(script: impl IntoIterator<Item = Option<Fault>>) -> Self {
        Faults(Mutex::new(Plan::Script(script.into_iter().collect())))
    }

    /// Returns what happens to the next call, and whether the second of two answers is the one that arrives.
    fn next(&self, verb: Verb) -> (Option<Fault>, bool) {
        match &mut *self.0.lock().unwrap() {
            Plan::Dice(dice) => (dice.bool().then(|| *dice.choice(&Fault::ALL).expect("three")), dice.bool()),
            Plan::Mode(Fault::AnswerLost, _) if !verb.answers_repeats_alike() => (None, false),
            Plan::Mode(fault, dice) => {
                let goes_wrong = dice.u8(0..3) > 0;
                (goes_wrong.then_some(*fault), verb.answers_repeats_alike() && dice.bool())
            }
            Plan::Script(script) => (script.pop_front().flatten(), true),
        }
    }
}

impl Layer for Faults {
    async fn around<'a, T, C>(&'a self, verb: Verb, call: C) -> Result<T, Error>
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a,
    {
        let (fault, second_answer) = self.next(verb);
        match fault {
            None => call().await,
            Some(Fault::NotDone) => Err(Error::new(ErrorKind::Unavailable, "connection refused")),
            Some(Fault::AnswerLost) => {
                call().await?;
                Err(Error::new(ErrorKind::Unavailable, "timed out").perhaps_done())
            }
            Some(Fault::Twice) => {
                let first = call().await?;
                // The first call took effect, whatever happens to the second: a call may consist of two, each with its
                // own fault.
                let second = call().await.map_err(Error::perhaps_done)?;
                // A claim without jobs is not remembered, so jobs that became due since then are in the second answer.
                // A caller that sees the first answer gets them a lease later. The simulator shows that this is safe,
                // but no case waits for it.
                Ok(if second_answer || verb.claims() { second } else { first })
            }
        }
    }
}

/// A caller that repeats a call until it is answered, with the same ids, nonce and token.
struct Patience;

impl Layer for Patience {
    async fn around<'a, T, C>(&'a self, _: Verb, call: C) -> Result<T, Error>
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a,
    {
        loop {
            match call().await {
                Err(e) if e.is_retryable() => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    }
}

/// Returns a store to which two of three calls fail in that way, with a caller that repeats them.
pub(crate) fn borne(store: Arc<dyn Store>, fault: Fault) -> Arc<dyn Store> {
    let faults = Faults::of_one_mode(fault, crate::bench::dice());
    let faulty = Arc::new(Through::new(store, faults));
    Arc::new(Through::new(faulty, Patience))
}

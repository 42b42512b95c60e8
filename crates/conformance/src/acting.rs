//! Actions of people: cancel, retry, delete, in every state.

use std::time::Duration;

use longshore_core::{
    Acted, Action, ArtifactName, Death, JobId, NewJob, Outcome, Output, Reason, Renewed, State, When,
};

use crate::bench::{Bench, exhausted, fatal, hours, job, outcomes, retry_in, secs, success};

/// Creates a job in that state.
async fn job_in(bench: &Bench, state: State) -> JobId {
    let end = match state {
        State::Scheduled => return bench.push(NewJob { when: When::In(hours(1)), ..job() }).await,
        State::Ready => return bench.push(job()).await,
        State::Running => return bench.running().await.id,
        State::Succeeded => success(),
        State::Dead => fatal(),
        State::Cancelled => Outcome::Cancel,
    };
    let claimed = bench.running().await;
    bench.end(&claimed, end).await;
    claimed.id
}

/// Asserts the answer to an action in each state, in the order of [`State::ALL`].
async fn answers(bench: &Bench, action: Action, expected: [Acted; 6]) {
    for (state, expected) in State::ALL.into_iter().zip(expected) {
        let bench = bench.fresh(Default::default()).await;
        let id = job_in(&bench, state).await;
        let before = bench.job(id).await;
        assert_eq!(before.state, state);
        assert_eq!(bench.act(id, action).await, expected, "{action:?} of a {state} job");
        match expected {
            Acted::Done(after) if action != Action::Delete => assert_eq!(bench.state(id).await, after),
            Acted::WrongState(_) => {
                assert_eq!(bench.job(id).await, before, "a refused {action:?} changed a {state} job")
            }
            _ => {}
        }
    }
}

pub(crate) async fn cancel_answers_in_every_state(bench: Bench) {
    use State::{Cancelled, Dead, Running, Succeeded};
    let done = Acted::Done(Cancelled);
    let not = Acted::WrongState;
    let expected = [done.clone(), done, Acted::Done(Running), not(Succeeded), not(Dead), not(Cancelled)];
    answers(&bench, Action::Cancel, expected).await;
}

pub(crate) async fn retry_answers_in_every_state(bench: Bench) {
    use State::{Ready, Running, Succeeded};
    let (not, done) = (Acted::WrongState, Acted::Done(Ready));
    let expected = [done.clone(), not(Ready), not(Running), not(Succeeded), done.clone(), done];
    answers(&bench, Action::Retry, expected).await;
}

pub(crate) async fn delete_answers_in_every_state(bench: Bench) {
    let answer = |state: State| if state.is_final() { Acted::Done(state) } else { Acted::WrongState(state) };
    answers(&bench, Action::Delete, State::ALL.map(answer)).await;
}

pub(crate) async fn unknown_job_is_not_found(bench: Bench) {
    for action in [Action::Cancel, Action::Retry, Action::Delete] {
        assert_eq!(bench.act(job().id, action).await, Acted::Unknown);
    }
}

pub(crate) async fn cancelled_job_is_not_handed_out(bench: Bench) {
    let ready = job_in(&bench, State::Ready).await;
    let scheduled = job_in(&bench, State::Scheduled).await;
    for id in [ready, scheduled] {
        assert_eq!(bench.act(id, Action::Cancel).await, Acted::Done(State::Cancelled));
        let job = bench.job(id).await;
        assert!(job.finished_at.is_some() && job.started_at.is_none());
    }
    bench.advance(hours(2));
    assert!(bench.take(10).await.is_empty());
}

pub(crate) async fn cancel_of_a_running_job_is_asked_and_then_settled(bench: Bench) {
    for (outcome, without) in outcomes() {
        let bench = bench.fresh(Default::default()).await;
        let claimed = bench.running().await;
        assert_eq!(bench.renew(&claimed).await, Renewed::Held);
        assert_eq!(bench.act(claimed.id, Action::Cancel).await, Acted::Done(State::Running));
        assert_eq!(bench.act(claimed.id, Action::Cancel).await, Acted::Done(State::Running), "a repeat is harmless");
        assert!(bench.job(claimed.id).await.cancel_asked);
        assert_eq!(bench.renew(&claimed).await, Renewed::CancelAsked);
        assert_eq!(bench.renew(&claimed).await, Renewed::CancelAsked, "for as long as it runs");
        bench.end(&claimed, outcome.clone()).await;
        let expected = if without.is_final() { without } else { State::Cancelled };
        assert_eq!(bench.state(claimed.id).await, expected, "{outcome:?}");
        bench.advance(hours(1));
        assert!(bench.take(1).await.is_empty());
    }
}

pub(crate) async fn requested_cancel_survives_the_worker(bench: Bench) {
    let crashed = bench.running().await;
    assert_eq!(bench.act(crashed.id, Action::Cancel).await, Acted::Done(State::Running));
    assert_eq!(bench.crash().await, 1);
    assert_eq!(bench.state(crashed.id).await, State::Cancelled);
    let released = bench.running().await;
    assert_eq!(bench.act(released.id, Action::Cancel).await, Acted::Done(State::Running));
    assert_eq!(bench.release(Death::Interrupted).await.len(), 1);
    assert_eq!(bench.state(released.id).await, State::Cancelled);
}

pub(crate) async fn retry_by_hand_resets_attempts_and_keeps_failures(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(2), ..job() }).await;
    for outcome in [retry_in(Duration::ZERO), exhausted()] {
        let claimed = bench.take_one().await;
        bench.end(&claimed, outcome).await;
    }
    assert_eq!(bench.job(id).await.reason, Some(Reason::Exhausted));
    assert_eq!(bench.act(id, Action::Retry).await, Acted::Done(State::Ready));
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempt, job.max_attempts, job.crashes), (State::Ready, 0, 2, 0));
    assert_eq!((job.reason, job.finished_at), (None, None));
    assert_eq!(job.failures.len(), 2);
    for attempt in 1..=2 {
        let claimed = bench.take_one().await;
        assert_eq!((claimed.id, claimed.attempt), (id, attempt));
        bench.end(&claimed, if attempt < 2 { retry_in(Duration::ZERO) } else { exhausted() }).await;
    }
    assert_eq!(bench.state(id).await, State::Dead);
    assert_eq!(bench.job(id).await.failures.len(), 4);
}

pub(crate) async fn retry_after_a_cancel_that_was_asked_runs_through(bench: Bench) {
    let claimed = bench.running().await;
    assert_eq!(bench.act(claimed.id, Action::Cancel).await, Acted::Done(State::Running));
    bench.end(&claimed, Outcome::Cancel).await;
    assert_eq!(bench.act(claimed.id, Action::Retry).await, Acted::Done(State::Ready));
    let again = bench.take_one().await;
    assert_eq!(bench.renew(&again).await, Renewed::Held, "the old wish is forgotten");
    bench.end(&again, success()).await;
}

pub(crate) async fn scheduled_job_can_be_run_now(bench: Bench) {
    let id = job_in(&bench, State::Scheduled).await;
    assert_eq!(bench.act(id, Action::Retry).await, Acted::Done(State::Ready));
    let job = bench.job(id).await;
    assert!(job.run_at <= bench.clock.now());
    assert_eq!(bench.take_one().await.id, id);
}

pub(crate) async fn deleted_job_goes_with_its_artifact(bench: Bench) {
    let claimed = bench.running().await;
    let name = ArtifactName { job: claimed.id, claim: claimed.token.number };
    let stored = bench.backend.keep(name, Output::new("image/gif", vec![7])).await.unwrap();
    bench.end(&claimed, Outcome::Succeed { result: Some(stored) }).await;
    let other = job_in(&bench, State::Dead).await;
    assert_eq!(bench.act(claimed.id, Action::Delete).await, Acted::Done(State::Succeeded));
    bench.clock.step_wall(-5_000);
    bench.backend.upkeep().await.unwrap();
    assert!(!bench.is_known(claimed.id).await);
    assert_eq!(bench.artifacts().get(name).await.unwrap(), None);
    assert!(bench.is_known(other).await);
    assert_eq!(bench.act(claimed.id, Action::Delete).await, Acted::Unknown);
    assert_eq!(bench.count(State::Succeeded).await, 0);
}

pub(crate) async fn concurrent_retries_by_hand_are_one(bench: Bench) {
    let id = job_in(&bench, State::Dead).await;
    let ways = bench.ways().await;
    let retry = |n: usize| {
        let backend = ways[n % ways.len()].clone();
        tokio::spawn(async move { backend.act(id, Action::Retry).await.unwrap() })
    };
    let retries: Vec<_> = (0..8).map(retry).collect();
    let mut done = 0;
    for retry in retries {
        match retry.await.unwrap() {
            Acted::Done(State::Ready) => done += 1,
            answer => assert_eq!(answer, Acted::WrongState(State::Ready)),
        }
    }
    assert_eq!(done, 1);
    assert_eq!(bench.take(10).await.len(), 1);
}

pub(crate) async fn cancel_and_claim_race_and_agree(bench: Bench) {
    for _ in 0..25 {
        let id = bench.push(job()).await;
        let (backend, ask) = (bench.backend.clone(), bench.ask());
        let claim = tokio::spawn(async move { backend.claim(ask).await.unwrap().jobs.pop() });
        let answer = bench.act(id, Action::Cancel).await;
        match claim.await.unwrap() {
            Some(claimed) => {
                assert_eq!(answer, Acted::Done(State::Running));
                assert_eq!(bench.renew(&claimed).await, Renewed::CancelAsked);
                bench.end(&claimed, retry_in(secs(0))).await;
            }
            None => assert_eq!(answer, Acted::Done(State::Cancelled)),
        }
        assert_eq!(bench.state(id).await, State::Cancelled);
    }
}

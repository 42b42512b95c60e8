//! Nobody polls: whoever waits is rung for.

use std::time::Duration;

use longshore_core::{Acted, Action, Ear, State, limits};

use crate::bench::{Bench, UnwrapEach, fatal, job, outcomes, retry_in, secs, success};

/// Waits for a ring; rings are hints, so this is the only thing that a case can wait for.
async fn rings(ear: &mut Ear, what: &str) {
    let heard = tokio::time::timeout(Duration::from_secs(20), ear.heard()).await;
    assert!(heard.is_ok(), "no bell rang for {what}");
}

pub(crate) async fn push_rings_for_work(bench: Bench) {
    let mut work = bench.backend.wakeups().work();
    bench.push(job()).await;
    rings(&mut work, "a push").await;
}

pub(crate) async fn who_hears_of_a_job_finds_it(bench: Bench) {
    for _ in 0..20 {
        let mut work = bench.backend.wakeups().work();
        let backend = bench.backend.clone();
        let push = tokio::spawn(async move { backend.push(vec![job()]).await.unwrap().unwrap_each() });
        rings(&mut work, "a push").await;
        let claimed = bench.take_one().await;
        bench.end(&claimed, success()).await;
        assert_eq!(push.await.unwrap(), [longshore_core::Pushed::Created(claimed.id)]);
    }
}

pub(crate) async fn job_that_is_ready_again_rings_for_work(bench: Bench) {
    for outcome in [retry_in(Duration::ZERO), longshore_core::Outcome::Release] {
        let claimed = bench.running().await;
        let mut work = bench.backend.wakeups().work();
        bench.end(&claimed, outcome).await;
        rings(&mut work, "a job handed back").await;
        let again = bench.take_one().await;
        bench.end(&again, success()).await;
    }
}

pub(crate) async fn rescue_and_retry_by_hand_ring_for_work(bench: Bench) {
    bench.running().await;
    let mut work = bench.backend.wakeups().work();
    assert_eq!(bench.crash().await, 1);
    rings(&mut work, "a rescue").await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, fatal()).await;
    work.forget();
    assert_eq!(bench.act(claimed.id, Action::Retry).await, Acted::Done(State::Ready));
    rings(&mut work, "a retry by hand").await;
}

pub(crate) async fn cancel_of_a_running_job_rings_for_its_worker(bench: Bench) {
    let claimed = bench.running().await;
    let mut cancels = bench.backend.wakeups().cancels();
    assert_eq!(bench.act(claimed.id, Action::Cancel).await, Acted::Done(State::Running));
    rings(&mut cancels, "a cancel").await;
}

pub(crate) async fn progress_and_every_outcome_ring_for_news(bench: Bench) {
    let mut news = bench.backend.wakeups().news();
    for (outcome, _) in outcomes() {
        let bench = bench.anew(Default::default()).await;
        let mut news = bench.backend.wakeups().news();
        let claimed = bench.running().await;
        news.forget();
        bench.progress(&claimed).await;
        rings(&mut news, "progress").await;
        news.forget();
        bench.end(&claimed, outcome.clone()).await;
        rings(&mut news, &format!("{outcome:?}")).await;
    }
    bench.running().await;
    rings(&mut news, "a claim").await;
}

pub(crate) async fn push_of_one_process_rings_in_another(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let (mut here, mut there) = (bench.backend.wakeups().work(), second.wakeups().work());
    bench.push(job()).await;
    rings(&mut there, "a push in another process").await;
    here.forget();
    second.push(vec![job()]).await.unwrap();
    rings(&mut here, "a push in another process").await;
}

pub(crate) async fn news_and_cancels_of_one_process_ring_in_another(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let claimed = bench.running().await;
    let mut cancels = bench.backend.wakeups().cancels();
    assert_eq!(second.act(claimed.id, Action::Cancel).await.unwrap(), Acted::Done(State::Running));
    rings(&mut cancels, "a cancel in another process").await;
    let mut news = second.wakeups().news();
    bench.end(&claimed, success()).await;
    rings(&mut news, "a settle in another process").await;
}

pub(crate) async fn watcher_sees_every_change_of_state_that_lasts(bench: Bench) {
    let id = bench.push(job()).await;
    let mut watch = bench.backend.watch(id);
    let mut sees = async |state: State| loop {
        let status = tokio::time::timeout(secs(20), watch.next()).await.expect("a change is seen").unwrap();
        if status.state == state {
            return status;
        }
    };
    assert_eq!(sees(State::Ready).await.attempt, 0);
    let claimed = bench.take_one().await;
    assert_eq!(sees(State::Running).await.attempt, 1);
    bench.progress(&claimed).await;
    let said = sees(State::Running).await.progress.expect("progress is seen");
    assert_eq!((said.done, said.total), (1, Some(2)));
    bench.end(&claimed, retry_in(secs(60))).await;
    assert_eq!(sees(State::Scheduled).await.message.as_deref(), Some("not this time"));
    bench.advance(secs(60));
    let claimed = bench.take_one().await;
    sees(State::Running).await;
    bench.end(&claimed, success()).await;
    let end = sees(State::Succeeded).await;
    assert_eq!((end.attempt, end.reason), (2, None));
}

pub(crate) async fn watcher_sees_every_final_state(bench: Bench) {
    for (outcome, state) in outcomes().into_iter().filter(|(_, state)| state.is_final()) {
        let claimed = bench.running().await;
        let mut watch = bench.backend.watch(claimed.id);
        assert_eq!(watch.next().await.unwrap().state, State::Running);
        bench.end(&claimed, outcome).await;
        let end = async {
            loop {
                let status = watch.next().await.expect("the job is known");
                if status.state.is_final() {
                    return status.state;
                }
            }
        };
        assert_eq!(tokio::time::timeout(secs(20), end).await.expect("the end is seen"), state);
    }
}

pub(crate) async fn watcher_in_another_process_sees_the_end(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let claimed = bench.running().await;
    let mut watch = second.watch(claimed.id);
    assert_eq!(watch.next().await.unwrap().state, State::Running);
    bench.end(&claimed, success()).await;
    let end = tokio::time::timeout(secs(20), watch.next()).await.expect("the end is seen");
    assert_eq!(end.unwrap().state, State::Succeeded);
}

pub(crate) async fn watch_of_an_unknown_job_ends(bench: Bench) {
    assert_eq!(bench.backend.watch(job().id).next().await, None);
    let bench = bench.keeping(Duration::ZERO, limits::KEEP_DEAD).await;
    let claimed = bench.running().await;
    let mut watch = bench.backend.watch(claimed.id);
    bench.end(&claimed, success()).await;
    while watch.next().await.is_some_and(|status| !status.state.is_final()) {}
    assert_eq!(bench.upkeep().await.pruned, 1);
    let gone = tokio::time::timeout(secs(20), watch.next()).await.expect("a deletion is seen");
    assert_eq!(gone, None);
}

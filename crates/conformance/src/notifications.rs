//! Waiting processes are notified and need not poll.

use std::time::Duration;

use longshore_core::{
    Acted, Action, Backend, CancelSubscription, Claim, Kind, NewJob, NewsSubscription, Reach, State, WorkSubscription,
    WorkerId, WorkerSecret, limits,
};

use crate::bench::{Bench, UnwrapEach, fatal, job, outcomes, retry_in, secs, success};

/// A process with room for work whose claims found none.
struct Waiting {
    backend: Backend,
    kinds: Vec<Kind>,
    worker: WorkerId,
    work: WorkSubscription,
}

impl Waiting {
    async fn of(backend: &Backend, kinds: &[&str]) -> Self {
        let kinds: Vec<Kind> = kinds.iter().map(|kind| kind.parse().unwrap()).collect();
        let work = backend.subscribe_work(vec![job().queue], kinds.clone());
        let mut waiting = Waiting { backend: backend.clone(), kinds, worker: WorkerSecret::new().id(), work };
        waiting.again().await;
        waiting
    }

    /// Claims until there is nothing left, like a worker, and discards the results.
    async fn again(&mut self) {
        self.work.set_capacity(10, vec![]);
        for _ in 0..2 {
            let kinds = self.kinds.iter().cloned().map(Into::into).collect();
            let claim = Claim::new(self.worker, vec![job().queue], kinds);
            assert_eq!(self.backend.claim(claim.limit(10)).await.unwrap().jobs, []);
        }
        self.work.forget();
    }

    /// Waits for a notification. Notifications are hints, so a case can wait for nothing else.
    async fn is_told(&mut self, what: &str) {
        let told = tokio::time::timeout(secs(20), self.work.recv()).await;
        assert!(told.is_ok(), "nobody was told of {what}");
    }

    /// Returns whether there is a notification.
    async fn was_told(&mut self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.work.recv()).await.is_ok()
    }
}

async fn cancels_are_told(cancels: &mut CancelSubscription) {
    assert!(tokio::time::timeout(secs(20), cancels.recv()).await.is_ok(), "nobody was told of a cancel");
}

/// Waits for news of that job.
async fn news_of(news: &mut NewsSubscription, job: longshore_core::JobId, what: &str) {
    let told = async { while !news.recv().await.is_about(&job) {} };
    assert!(tokio::time::timeout(secs(20), told).await.is_ok(), "nobody was told of {what}");
}

pub(crate) async fn push_wakes_a_waiting_worker(bench: Bench) {
    let mut waiting = Waiting::of(&bench.backend, &["work"]).await;
    bench.push(job()).await;
    waiting.is_told("a push").await;
}

pub(crate) async fn notified_process_finds_the_job(bench: Bench) {
    let mut waiting = Waiting::of(&bench.backend, &["work"]).await;
    for _ in 0..20 {
        let backend = bench.backend.clone();
        let push = tokio::spawn(async move { backend.push(vec![job()]).await.unwrap().unwrap_each() });
        waiting.is_told("a push").await;
        let claimed = bench.take_one().await;
        bench.end(&claimed, success()).await;
        assert_eq!(push.await.unwrap(), [longshore_core::Pushed::Created(claimed.id)]);
        waiting.again().await;
    }
}

pub(crate) async fn released_job_wakes_a_waiting_worker(bench: Bench) {
    for outcome in [retry_in(Duration::ZERO), longshore_core::Outcome::Release] {
        let claimed = bench.running().await;
        let mut waiting = Waiting::of(&bench.backend, &["work"]).await;
        bench.end(&claimed, outcome).await;
        waiting.is_told("a job handed back").await;
        let again = bench.take_one().await;
        bench.end(&again, success()).await;
    }
}

pub(crate) async fn rescue_and_retry_by_hand_wake_a_waiting_worker(bench: Bench) {
    let lost = bench.running().await;
    let mut waiting = Waiting::of(&bench.backend, &["work"]).await;
    let kept = bench.crash_and_keep().await;
    assert_eq!(kept.woke().into_iter().collect::<Vec<_>>(), [&lost.queue], "upkeep reports the queue");
    waiting.is_told("a rescue").await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, fatal()).await;
    waiting.again().await;
    assert_eq!(bench.act(claimed.id, Action::Retry).await, Acted::Done(State::Ready));
    waiting.is_told("a retry by hand").await;
}

pub(crate) async fn cancel_of_a_running_job_wakes_its_worker(bench: Bench) {
    let claimed = bench.running().await;
    let mut cancels = bench.backend.notifications().subscribe_cancels();
    assert_eq!(bench.act(claimed.id, Action::Cancel).await, Acted::Done(State::Running));
    cancels_are_told(&mut cancels).await;
}

pub(crate) async fn progress_and_every_outcome_are_news(bench: Bench) {
    for (outcome, _) in outcomes() {
        let bench = bench.fresh(Default::default()).await;
        let mut news = bench.backend.notifications().subscribe_news();
        let claimed = bench.running().await;
        news_of(&mut news, claimed.id, "a claim").await;
        news.forget();
        bench.progress(&claimed).await;
        news_of(&mut news, claimed.id, "progress").await;
        news.forget();
        bench.end(&claimed, outcome.clone()).await;
        news_of(&mut news, claimed.id, &format!("{outcome:?}")).await;
    }
}

pub(crate) async fn push_of_one_process_wakes_another(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let mut there = Waiting::of(&second, &["work"]).await;
    bench.push(job()).await;
    there.is_told("a push in another process").await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    there.work.set_capacity(0, vec![]);
    let mut here = Waiting::of(&bench.backend, &["work"]).await;
    second.push(vec![job()]).await.unwrap().unwrap_each();
    here.is_told("a push in another process").await;
}

pub(crate) async fn news_and_cancels_of_one_process_are_heard_in_another(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let claimed = bench.running().await;
    let mut cancels = bench.backend.notifications().subscribe_cancels();
    assert_eq!(second.act(claimed.id, Action::Cancel).await.unwrap(), Acted::Done(State::Running));
    cancels_are_told(&mut cancels).await;
    let mut news = second.notifications().subscribe_news();
    bench.end(&claimed, success()).await;
    news_of(&mut news, claimed.id, "a settle in another process").await;
}

/// Returns two processes besides that of the bench, if the engine can notify a single one.
async fn addressed(bench: &Bench) -> Option<[Backend; 2]> {
    let one = bench.second().await?;
    if one.capabilities().reach != Reach::Network {
        println!("not tried: the engine wakes every process of the machine");
        return None;
    }
    Some([one, bench.second().await?])
}

pub(crate) async fn one_job_wakes_one_process(bench: Bench) {
    let Some([one, two]) = addressed(&bench).await else { return };
    let (mut one, mut two) = (Waiting::of(&one, &["work"]).await, Waiting::of(&two, &["work"]).await);
    for _ in 0..5 {
        bench.push(job()).await;
        let (first, second) = tokio::select! {
            () = one.is_told("a push") => (&mut one, &mut two),
            () = two.is_told("a push") => (&mut two, &mut one),
        };
        assert!(!second.was_told().await, "one job woke both");
        bench.push(job()).await;
        second.is_told("the next push").await;
        assert!(!first.was_told().await, "another job woke who was awake already");
        for job in bench.take(2).await {
            bench.end(&job, success()).await;
        }
        one.again().await;
        two.again().await;
    }
}

pub(crate) async fn process_that_knows_the_kind_is_woken(bench: Bench) {
    let Some([one, two]) = addressed(&bench).await else { return };
    let mut one = Waiting::of(&one, &["other", "another"]).await;
    let mut two = Waiting::of(&two, &["other", "work"]).await;
    for _ in 0..5 {
        bench.push(job()).await;
        two.is_told("a push").await;
        assert!(!one.was_told().await);
        let claimed = bench.take_one().await;
        bench.end(&claimed, success()).await;
        two.again().await;
    }
    let other = NewJob { kind: "another".parse().unwrap(), ..job() };
    bench.push(other).await;
    one.is_told("a push").await;
}

pub(crate) async fn process_that_has_no_room_any_more_wakes_another(bench: Bench) {
    let Some([one, two]) = addressed(&bench).await else { return };
    let (mut full, mut free) = (Waiting::of(&one, &["work"]).await, Waiting::of(&two, &["work"]).await);
    for _ in 0..5 {
        full.work.set_capacity(0, vec![]);
        bench.push(job()).await;
        free.is_told("a push").await;
        let claimed = bench.take_one().await;
        bench.end(&claimed, success()).await;
        full.again().await;
        free.again().await;
    }
    full.work.set_capacity(0, vec![]);
    bench.push_all((0..3).map(|_| job()).collect()).await;
    free.is_told("some pushes").await;
    full.work.set_capacity(1, vec![]);
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

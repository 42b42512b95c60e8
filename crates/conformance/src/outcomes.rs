//! Stores write the outcome that was decided, and the facts for the next decision.

use std::time::Duration;

use longshore_core::{
    Acted, Action, Claim, Claimed, Death, ExitStatus, FailureClass, Gone, KindLimits, KnownKind, NewJob, Outcome,
    Reason, Settlement, State, limits,
};

use crate::bench::{
    Bench, UnwrapEach, exhausted, fatal, hours, job, job_of, kind, known, outage_for, retry_in, secs, success,
};

fn granting(max_attempts: Option<u16>, timeout: Option<Duration>) -> Vec<KnownKind> {
    vec![KnownKind::from(kind("work")).limits(KindLimits { max_attempts, timeout })]
}

/// Claims the only job under these limits, and releases it.
async fn claim_under(bench: &Bench, max_attempts: Option<u16>, timeout: Option<Duration>) -> Claimed {
    let claim = bench.ask().kinds(granting(max_attempts, timeout));
    let claimed = bench.claim(claim).await.pop().expect("there is a job to claim");
    bench.end(&claimed, Outcome::Release).await;
    claimed
}

pub(crate) async fn job_runs_under_the_limits_of_its_worker_and_shows_them(bench: Bench) {
    let id = bench.push(job()).await;
    let shown = async || {
        let job = bench.job(id).await;
        let status = bench.backend.status(vec![id]).await.unwrap().remove(0).expect("it is known");
        assert_eq!(status.max_attempts, job.max_attempts);
        (job.max_attempts, job.timeout)
    };
    assert_eq!(shown().await, (20, secs(1800)), "before a worker has it, the defaults");
    for (attempts, timeout, granted) in [
        (Some(25), Some(secs(60)), (25, secs(60))),
        (Some(3), None, (3, secs(1800))),
        (None, Some(hours(2)), (20, hours(2))),
        (None, None, (20, secs(1800))),
    ] {
        let claimed = claim_under(&bench, attempts, timeout).await;
        assert_eq!((claimed.max_attempts, claimed.timeout), granted);
        assert_eq!(shown().await, granted, "what the newest claim granted");
    }
}

pub(crate) async fn job_that_asks_for_less_gets_less_and_none_gets_more(bench: Bench) {
    bench.push(NewJob { max_attempts: Some(5), timeout: Some(secs(30)), ..job() }).await;
    for (attempts, timeout, granted) in [
        (Some(3), Some(secs(10)), (3, secs(10))),
        (Some(25), Some(secs(60)), (5, secs(30))),
        (None, None, (5, secs(30))),
    ] {
        let claimed = claim_under(&bench, attempts, timeout).await;
        assert_eq!((claimed.max_attempts, claimed.timeout), granted, "what it asked for is not forgotten");
    }
}

pub(crate) async fn store_writes_what_was_decided(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(1), ..job() }).await;
    for attempt in 1..=3 {
        let claimed = bench.take_one().await;
        assert_eq!((claimed.id, claimed.attempt, claimed.max_attempts), (id, attempt, 1));
        bench.end(&claimed, retry_in(Duration::ZERO)).await;
    }
    let claimed = bench.take_one().await;
    bench.end(&claimed, exhausted()).await;
    assert_eq!(bench.state(id).await, State::Dead);
}

pub(crate) async fn claim_gets_no_more_of_a_kind_than_it_wants(bench: Bench) {
    let jobs = (0..9).map(|n| job_of("default", ["work", "more", "other"][n % 3])).collect();
    bench.push_all(jobs).await;
    let mut kinds = known(["work", "more", "other"]);
    (kinds[0].wanted, kinds[1].wanted) = (2, 0);
    let claimed = bench.claim(bench.ask().kinds(kinds.clone()).limit(100)).await;
    let of = |name: &str| claimed.iter().filter(|job| job.kind == kind(name)).count();
    assert_eq!((of("work"), of("more"), of("other")), (2, 0, 3));
    let none = kinds.iter().cloned().map(|known| known.wanted(0)).collect();
    assert_eq!(bench.claim(bench.ask().kinds(none).limit(100)).await, []);
    assert_eq!(bench.take(100).await.len(), 1);
}

pub(crate) async fn kind_of_which_none_is_wanted_is_known(bench: Bench) {
    let id = bench.push(job()).await;
    let busy = vec![KnownKind::from(kind("work")).wanted(0)];
    for _ in 0..60 {
        assert_eq!(bench.claim(bench.ask().kinds(busy.clone())).await, []);
        bench.advance(hours(1) / 2);
        assert_eq!(bench.upkeep().await.buried.len(), 0);
    }
    assert_eq!(bench.take_one().await.id, id);
}

pub(crate) async fn claim_says_how_long_a_job_waited(bench: Bench) {
    bench.push(NewJob { when: longshore_core::When::In(secs(100)), ..job() }).await;
    bench.advance(secs(142));
    let ask = bench.ask();
    let about = |claimed: &Claimed| claimed.waited >= secs(41) && claimed.waited < secs(60);
    let claimed = bench.claim(ask.clone()).await.pop().expect("it is due");
    assert!(about(&claimed), "{:?}", claimed.waited);
    bench.advance(secs(10));
    assert!(about(&bench.claim(ask).await.pop().expect("a repeat")), "until it was claimed first");
}

pub(crate) async fn outage_costs_no_attempt_and_is_counted(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(1), ..job() }).await;
    for outages in 0..3 {
        let claimed = bench.take_one().await;
        assert_eq!((claimed.attempt, claimed.outages), (1, outages));
        let since = hours(u64::from(outages.saturating_sub(1)));
        assert!(claimed.outage_for >= since && claimed.outage_for < since + secs(1800), "{:?}", claimed.outage_for);
        assert_eq!(claimed.outage_for.is_zero(), outages == 0);
        bench.end(&claimed, outage_for(secs(60))).await;
        let job = bench.job(id).await;
        assert_eq!((job.state, job.attempt, job.outages), (State::Scheduled, 0, outages + 1));
        bench.advance(if outages == 0 { secs(60) } else { hours(1) });
    }
    let failure = bench.job(id).await.failures.pop().expect("an outage is a failure");
    assert_eq!((failure.class, failure.message.as_str()), (FailureClass::Outage, "not reachable"));
}

pub(crate) async fn series_of_outages_ends_with_an_attempt_without_one(bench: Bench) {
    let outages = async |end: Outcome| {
        let claimed = bench.take_one().await;
        bench.end(&claimed, end).await;
        bench.job(claimed.id).await.outages
    };
    let now = Duration::ZERO;
    bench.push(job()).await;
    assert_eq!(outages(outage_for(now)).await, 1);
    assert_eq!(outages(Outcome::Release).await, 1, "a worker that stops knows nothing of the outage");
    assert_eq!(outages(outage_for(now)).await, 2);
    bench.take_one().await;
    assert_eq!(bench.crash().await, 1);
    assert_eq!(outages(retry_in(now)).await, 0);
    assert_eq!(outages(outage_for(now)).await, 1);
    let claimed = bench.take_one().await;
    assert!(claimed.outage_for < limits::LEASE, "the row began anew: {:?}", claimed.outage_for);
    bench.end(&claimed, Outcome::Snooze { delay: now }).await;
    assert_eq!(bench.job(claimed.id).await.outages, 0);
    assert_eq!(outages(outage_for(now)).await, 1);
    assert_eq!(outages(fatal()).await, 1);
    assert_eq!(bench.act(claimed.id, Action::Retry).await, Acted::Done(State::Ready));
    assert_eq!(bench.job(claimed.id).await.outages, 0, "a retry by hand starts anew");
}

pub(crate) async fn failure_keeps_its_class_its_start_and_its_claim(bench: Bench) {
    let id = bench.push(job()).await;
    let mut claims = Vec::new();
    for end in [retry_in(Duration::ZERO), outage_for(Duration::ZERO), fatal()] {
        let claimed = bench.take_one().await;
        bench.advance(secs(20));
        bench.end(&claimed, end).await;
        claims.push(Some(claimed.token.number));
    }
    let failures = bench.job(id).await.failures;
    let classes: Vec<_> = failures.iter().map(|failure| failure.class).collect();
    assert_eq!(classes, [FailureClass::Retry, FailureClass::Outage, FailureClass::Fatal]);
    assert_eq!(failures.iter().map(|failure| failure.claim).collect::<Vec<_>>(), claims);
    for failure in failures {
        let took = failure.at.since(failure.started_at.expect("it ran"));
        assert!(took >= secs(19) && took < secs(60), "it took {took:?}");
    }
}

pub(crate) async fn crash_says_how_the_worker_ended(bench: Bench) {
    let ended = [(Some(ExitStatus::Signal(9)), "signal 9"), (Some(ExitStatus::Code(3)), "code 3"), (None, "died")];
    let id = bench.push(job()).await;
    for (status, words) in ended {
        let worker = longshore_core::WorkerSecret::new();
        bench.advance(limits::CRASH_BACKOFF);
        let claimed = bench.claim(bench.ask().worker(worker.id())).await.pop().expect("it is ready");
        let gone = status.map_or(Gone::LEASE_ENDED, Gone::crashed);
        assert_eq!(bench.backend.release(worker, gone).await.unwrap().len(), 1);
        let failure = bench.job(id).await.failures.pop().expect("a crash is a failure");
        assert_eq!((failure.class, failure.claim), (FailureClass::Crash, Some(claimed.token.number)));
        assert!(failure.message.contains(words), "{}", failure.message);
    }
    assert_eq!(bench.state(id).await, State::Dead);
}

pub(crate) async fn logs_of_kept_failures_are_kept(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(1_000), ..job() }).await;
    let log = async |claim| bench.backend.log(id, claim).await.unwrap().expect("the job is known");
    let mut claims = Vec::new();
    for n in 0..limits::FAILURES_KEPT + 8 {
        let claimed = bench.take_one().await;
        assert!(bench.backend.write_log(id, claimed.token, format!("started {n}\n")).await.unwrap());
        assert!(bench.backend.write_log(id, claimed.token, format!("attempt {n}\n")).await.unwrap());
        let released = n % 5 == 1;
        bench.end(&claimed, if released { Outcome::Release } else { retry_in(Duration::ZERO) }).await;
        claims.push((claimed.token.number, n));
    }
    let newest = bench.take_one().await;
    assert!(bench.backend.write_log(id, newest.token, "newest\n".into()).await.unwrap());
    assert_eq!(log(None).await, "newest\n");
    let kept: Vec<_> = bench.job(id).await.failures.iter().filter_map(|failure| failure.claim).collect();
    assert_eq!(kept.len(), limits::FAILURES_KEPT);
    for (claim, n) in claims {
        let expected = if kept.contains(&claim) { format!("attempt {n}\n") } else { String::new() };
        assert_eq!(log(Some(claim)).await, expected, "claim {claim}");
    }
    assert_eq!(log(Some(u64::MAX >> 1)).await, "", "a claim that never was");
}

pub(crate) async fn settle_and_claim_are_one_call(bench: Bench) {
    let ids = bench.push_plain(3).await;
    let first = bench.take_one().await;
    let settlement = |job: &Claimed, outcome| Settlement::new(job.id, job.token, outcome);
    let both = async |settlements, claim: &Claim| {
        let (settled, claims) = bench.backend.settle_and_claim(settlements, claim.clone()).await;
        (settled.unwrap_each(), claims.unwrap().jobs)
    };
    let claim = bench.ask();
    let (settled, jobs) = both(vec![settlement(&first, success())], &claim).await;
    assert_eq!((settled, jobs.len(), jobs[0].id), (vec![longshore_core::Settled::Done], 1, ids[1]));
    let again = both(vec![settlement(&first, success())], &claim).await;
    assert_eq!((again.0, again.1[0].token), (vec![longshore_core::Settled::Done], jobs[0].token), "a repeat");
    // The claim may get the job that the settle releases.
    let (_, jobs) = both(vec![settlement(&jobs[0], Outcome::Release)], &bench.ask().limit(9)).await;
    let mut claimed: Vec<_> = jobs.iter().map(|job| job.id).collect();
    claimed.sort();
    let mut left = ids[1..].to_vec();
    left.sort();
    assert_eq!(claimed, left);
    assert_eq!(bench.count(State::Running).await, 2);
    let (settled, none) = both(jobs.iter().map(|job| settlement(job, success())).collect(), &bench.ask()).await;
    assert_eq!((settled.len(), none), (2, vec![]));
}

pub(crate) async fn jobs_that_a_store_moved_by_itself_are_reported(bench: Bench) {
    let late = NewJob { deadline: Some(longshore_core::When::In(secs(5))), ..job() };
    let expired = bench.push(late.clone()).await;
    bench.advance(secs(10));
    let [buried] = bench.upkeep().await.buried.try_into().expect("one job missed its deadline");
    assert_eq!((buried.id, buried.state, buried.reason), (expired, State::Dead, Some(Reason::Expired)));
    assert_eq!((buried.queue, buried.kind, buried.worker, buried.attempt), (late.queue, late.kind, None, 0));

    let claimed = bench.running().await;
    bench.advance(limits::LEASE + secs(1));
    let [rescued] = bench.upkeep().await.rescued.try_into().expect("one lease ended");
    assert_eq!((rescued.id, rescued.state, rescued.reason), (claimed.id, State::Ready, None));
    assert_eq!((rescued.worker, rescued.attempt, rescued.crashes), (Some(bench.worker.id()), 0, 1));
    assert_eq!(rescued.death, Some(Death::Crashed));

    let again = bench.take_one().await;
    let released = bench.release(Death::Interrupted).await;
    let [released] = released.try_into().expect("one job was held");
    assert_eq!((released.id, released.state, released.crashes), (again.id, State::Ready, 1));
    assert_eq!(released.death, Some(Death::Interrupted), "the crash before is not this one");
    assert_eq!(bench.release(Death::Interrupted).await, []);

    let missed = bench.push(NewJob { priority: 9, deadline: Some(longshore_core::When::In(secs(5))), ..job() }).await;
    bench.advance(secs(10));
    let worker = longshore_core::WorkerSecret::new();
    let claims = bench.claims(bench.ask().worker(worker.id()).limit(2)).await;
    assert_eq!(claims.jobs.len(), 1);
    let told: Vec<_> = claims.buried.iter().map(|moved| (moved.id, moved.reason)).collect();
    assert_eq!(told, [(missed, Some(Reason::Expired))]);
}

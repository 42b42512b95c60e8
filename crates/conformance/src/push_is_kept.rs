//! An acknowledged push is kept: readable at once, through any connection, as it was pushed.

use std::collections::HashSet;

use longshore_core::{
    JobId, NewJob, Payload, Pushed, QueueName, Reuse, State, Timestamp, Unique, UniqueScope, When, limits,
};

use crate::bench::{Bench, UnwrapEach, job, job_of, known, label, queue, secs, success};

/// Returns a job with a value in every field.
fn full() -> NewJob {
    NewJob {
        payload: Payload::parse(r#"{"text":"héllo_wörld 🌍 \u0000 \"quoted\" '; --","n":[1,2.5,null]}"#).unwrap(),
        when: When::In(secs(3600)),
        priority: -100,
        key: Some(label("Kunde 7 ü/{}")),
        unique: Some(Unique { key: label("unique:'%_\\ ключ"), scope: UniqueScope::For(secs(60)) }),
        reuse: Some(Reuse { key: label("再利用"), within: secs(60) }),
        alias: Some(label("🦀")),
        max_attempts: Some(1000),
        timeout: Some(std::time::Duration::from_millis(1)),
        deadline: Some(When::In(secs(7200))),
        tags: (0..16).map(|n| label(&format!("tag {n} é"))).collect(),
        ..job_of("mail.bulk-2_x", "send.mail")
    }
}

pub(crate) async fn pushed_job_reads_as_it_was_pushed(bench: Bench) {
    let before = bench.clock.now();
    let new = full();
    let id = bench.push(new.clone()).await;
    let after = bench.clock.now();
    for way in bench.ways().await {
        let job = way.job(id).await.unwrap().expect("an answered push is readable");
        assert_eq!((job.id, &job.queue, &job.kind, &job.payload), (id, &new.queue, &new.kind, &new.payload));
        assert_eq!((job.state, job.priority, Some(job.timeout)), (State::Scheduled, -100, new.timeout));
        assert_eq!((job.attempt, job.max_attempts, job.crashes, job.interruptions), (0, 1000, 0, 0));
        assert_eq!((&job.key, &job.alias, &job.tags), (&new.key, &new.alias, &new.tags));
        assert_eq!(job.unique_key, new.unique.as_ref().map(|unique| unique.key.clone()));
        assert_eq!(job.reuse_key, new.reuse.as_ref().map(|reuse| reuse.key.clone()));
        assert!(job.created_at >= before && job.created_at <= after);
        assert_eq!(job.run_at, job.created_at.after(secs(3600)));
        assert_eq!(job.deadline, Some(job.created_at.after(secs(7200))));
        assert_eq!((job.started_at, job.finished_at, job.worker), (None, None, None));
        assert_eq!((job.progress, job.reason, job.result), (None, None, None));
        assert!(job.failures.is_empty() && !job.cancel_asked);
    }
}

pub(crate) async fn moment_may_be_given_on_the_wall_clock(bench: Bench) {
    let past = bench.push(NewJob { when: When::At(Timestamp::from_millis(0)), ..job() }).await;
    let moment = bench.clock.now().after(secs(600));
    let later = bench.push(NewJob { when: When::At(moment), ..job() }).await;
    let job = bench.job(past).await;
    assert_eq!((job.state, job.run_at), (State::Ready, job.created_at), "a moment that has passed means now");
    let job = bench.job(later).await;
    assert_eq!((job.state, job.run_at), (State::Scheduled, moment));
}

pub(crate) async fn repeated_push_is_recognised(bench: Bench) {
    let new = job();
    let id = bench.push(new.clone()).await;
    let repeat = async |state: State| {
        let before = bench.job(id).await;
        assert_eq!(before.state, state);
        assert_eq!(bench.push_any(new.clone()).await, Pushed::Created(id));
        assert_eq!(bench.job(id).await, before, "a repeated push changed a {state} job");
    };
    repeat(State::Ready).await;
    let claimed = bench.take_one().await;
    repeat(State::Running).await;
    bench.end(&claimed, success()).await;
    repeat(State::Succeeded).await;
    assert!(bench.take(10).await.is_empty(), "a repeated push ran a job again");
}

pub(crate) async fn same_job_twice_in_a_batch_is_one(bench: Bench) {
    let new = job();
    let answers = bench.backend.push(vec![new.clone(), new.clone()]).await.unwrap().unwrap_each();
    assert_eq!(answers, [Pushed::Created(new.id), Pushed::Created(new.id)]);
    assert_eq!(bench.take(10).await.len(), 1);
}

pub(crate) async fn repeated_push_of_a_key_holder_is_no_conflict_with_itself(bench: Bench) {
    let new = full();
    bench.push(new.clone()).await;
    assert_eq!(bench.push_any(new.clone()).await, Pushed::Created(new.id));
}

pub(crate) async fn batch_of_a_thousand_is_answered_in_order(bench: Bench) {
    let ids = bench.push_plain(limits::BATCH).await;
    for way in bench.ways().await {
        let jobs = way.get(ids.clone()).await.unwrap();
        let read: Vec<JobId> = jobs.into_iter().map(|job| job.expect("an answered push is readable").id).collect();
        assert_eq!(read, ids);
    }
    assert_eq!(bench.count(State::Ready).await, 1000);
    assert_eq!(bench.take(limits::BATCH).await.len(), limits::BATCH);
}

pub(crate) async fn more_than_a_batch_is_pushed_in_several(bench: Bench) {
    bench.push_plain(limits::BATCH * 2 + 1).await;
    assert_eq!(bench.count(State::Ready).await, 2001);
}

pub(crate) async fn batch_may_go_to_several_queues(bench: Bench) {
    let names = ["a", "b", "c"];
    let jobs: Vec<_> = (0..30).map(|n| job_of(names[n % 3], "work")).collect();
    let pushed = bench.push_all(jobs).await;
    for (n, name) in names.into_iter().enumerate() {
        let claim = bench.ask().queues(vec![queue(name)]).limit(100);
        let ids: HashSet<_> = bench.claim(claim).await.into_iter().map(|job| job.id).collect();
        assert_eq!(ids, pushed.iter().copied().skip(n).step_by(3).collect());
    }
}

pub(crate) async fn job_out_of_bounds_is_named_and_nothing_pushed(bench: Bench) {
    let wrong: [(&str, NewJob); 9] = [
        ("priority", NewJob { priority: 101, ..job() }),
        ("priority", NewJob { priority: -101, ..job() }),
        ("attempts", NewJob { max_attempts: Some(0), ..job() }),
        ("attempts", NewJob { max_attempts: Some(1001), ..job() }),
        ("time-out", NewJob { timeout: Some(secs(0)), ..job() }),
        ("time-out", NewJob { timeout: Some(limits::TIMEOUT + secs(1)), ..job() }),
        ("tags", NewJob { tags: (0..17).map(|n| label(&n.to_string())).collect(), ..job() }),
        ("delay", NewJob { when: When::In(limits::AHEAD + secs(1)), ..job() }),
        ("job id", NewJob { id: JobId::new(&queue("another")), ..job() }),
    ];
    for (field, new) in wrong {
        let error = bench.backend.push(vec![job(), new]).await.unwrap_err();
        assert_eq!(error.kind(), longshore_core::ErrorKind::Invalid);
        assert!(error.to_string().contains(field), "{error} does not name the {field}");
        assert!(error.to_string().contains("job 2 of 2"), "{error} does not say which job");
    }
    assert_eq!(bench.list(Default::default()).await, []);
}

pub(crate) async fn largest_payload_comes_back_byte_for_byte(bench: Bench) {
    let filler = "ä".repeat((limits::PAYLOAD_BYTES - 2) / 2);
    let payload = Payload::parse(&format!("\"{filler}\"")).unwrap();
    assert_eq!(payload.as_str().len(), limits::PAYLOAD_BYTES);
    let id = bench.push(NewJob { payload: payload.clone(), ..job() }).await;
    assert!(bench.job(id).await.payload == payload);
    assert!(bench.take_one().await.payload == payload);
}

pub(crate) async fn payload_keeps_its_spelling(bench: Bench) {
    for text in
        ["null", " {\"b\" : 1.0e3,\n\t\"a\":1, \"a\":2} ", r#""\u00e9é\ud83e\udd80""#, "12345678901234567890123"]
    {
        let id = bench.push(NewJob { payload: Payload::parse(text).unwrap(), ..job() }).await;
        assert_eq!(bench.job(id).await.payload.as_str(), text);
        assert_eq!(bench.take_one().await.payload.as_str(), text);
    }
}

pub(crate) async fn empty_batch_is_fine(bench: Bench) {
    assert_eq!(bench.backend.push(vec![]).await.unwrap().unwrap_each(), []);
    assert_eq!(bench.store.push(vec![]).await.unwrap_each(), []);
    assert_eq!(bench.backend.renew(vec![]).await.unwrap_each(), []);
    assert_eq!(bench.backend.settle(vec![]).await.unwrap_each(), []);
    assert_eq!(bench.backend.get(vec![]).await.unwrap(), []);
    assert_eq!(bench.backend.status(vec![]).await.unwrap(), []);
    let nothing = bench.ask().queues(vec![]).kinds(vec![]).limit(10);
    assert!(bench.claims(nothing).await.jobs.is_empty());
    let unheard_of = bench.ask().queues(vec![queue("never.pushed")]).kinds(known(["never.pushed"]));
    assert!(bench.claims(unheard_of).await.jobs.is_empty());
}

pub(crate) async fn concurrent_pushes_are_all_kept(bench: Bench) {
    let ways = bench.ways().await;
    let push = |n: usize| {
        let backend = ways[n % ways.len()].clone();
        let jobs: Vec<_> = (0..10).map(|_| job()).collect();
        tokio::spawn(async move {
            let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
            let answers = backend.push(jobs).await.unwrap().unwrap_each();
            assert_eq!(answers, ids.iter().map(|id| Pushed::Created(*id)).collect::<Vec<_>>());
            ids
        })
    };
    let tasks: Vec<_> = (0..20).map(push).collect();
    let mut pushed = HashSet::new();
    for task in tasks {
        pushed.extend(task.await.unwrap());
    }
    let listed: HashSet<_> = bench.list(Default::default()).await.into_iter().map(|job| job.id).collect();
    assert_eq!(listed, pushed);
    let default = QueueName::default();
    let stats = bench.queues().await;
    assert_eq!(stats.iter().find(|stats| stats.queue == default).unwrap().count(State::Ready), 200);
}

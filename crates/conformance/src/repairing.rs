//! A walk through a sound store finds nothing to repair, whatever was done to its jobs.

use longshore_core::{
    Action, ErrorKind, Filter, RepairCursor, RepairStep, Reuse, Settled, Snapshot, State, UniqueScope, When, limits,
};

use crate::bench::{Bench, hours, job, label, outcomes, retry_in, secs, success, unique, walk_through};

/// Puts jobs into every state, by every way there is, with all that may belong to a job.
async fn populate(bench: &Bench) {
    for scope in [UniqueScope::UntilStarted, UniqueScope::UntilFinished, UniqueScope::For(hours(1))] {
        for (index, (outcome, _)) in outcomes().into_iter().enumerate() {
            let mut new = unique(&format!("{scope:?} {index}"), scope);
            new.tags = vec![label("red"), label("blue")];
            new.alias = Some(label("alias"));
            new.reuse = Some(Reuse { key: label(&format!("reuse {scope:?} {index}")), within: hours(1) });
            new.deadline = Some(When::In(hours(2)));
            bench.push(new).await;
            let claimed = bench.take_one().await;
            assert!(bench.backend.write_log(claimed.id, claimed.token, "a line".into()).await.unwrap());
            bench.progress(&claimed).await;
            bench.end(&claimed, outcome).await;
        }
    }
    bench.push(job()).await;
    bench.take(100).await;
    bench.crash().await;
    bench.push_plain(2).await;
    let mut later = unique("later", UniqueScope::UntilFinished);
    later.when = When::In(hours(1));
    bench.push(later).await;
    for state in [State::Cancelled, State::Dead] {
        let ended = bench.list(Filter { state: Some(state), ..Filter::default() }).await;
        let _ = bench.act(ended[0].id, Action::Retry).await;
    }
    bench.take(3).await;
}

async fn jobs(bench: &Bench) -> Vec<Snapshot> {
    bench.list(Filter::default()).await
}

pub(crate) async fn sound_store_has_nothing_to_repair(bench: Bench) {
    bench.is_sound().await;
    populate(&bench).await;
    let all = jobs(&bench).await;
    for state in State::ALL {
        assert!(all.iter().any(|job| job.state == state), "no job is {state}");
    }
    bench.is_sound().await;
    bench.advance(hours(24 * 30));
    bench.upkeep().await;
    bench.is_sound().await;
}

pub(crate) async fn repair_of_a_sound_store_changes_nothing(bench: Bench) {
    populate(&bench).await;
    let claimed = bench.take_one().await;
    let before = (jobs(&bench).await, bench.queues().await.into_iter().map(|stats| stats.counts).collect::<Vec<_>>());
    assert_eq!(walk_through(&*bench.store, RepairStep::first().write(true)).await.0, []);
    let after = (jobs(&bench).await, bench.queues().await.into_iter().map(|stats| stats.counts).collect::<Vec<_>>());
    assert_eq!(after, before);
    assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
}

pub(crate) async fn walk_is_made_in_bounded_steps(bench: Bench) {
    let many = 3 * limits::UPKEEP_ROWS;
    bench.push_all((0..many).map(|_| job()).collect()).await;
    let (findings, steps, most) = walk_through(&*bench.store, RepairStep::first().limit(50)).await;
    assert_eq!(findings, []);
    // A store may read a small set of its own at once.
    assert!(most <= limits::UPKEEP_ROWS, "{most} rows in one step");
    assert!(steps >= many / 50, "{many} jobs in {steps} steps");
}

pub(crate) async fn repair_beside_workers_finds_nothing(bench: Bench) {
    let many = 400;
    bench.push_plain(many).await;
    let backend = bench.backend.clone();
    let repairing = tokio::spawn(async move {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..200 {
            let piece = backend.repair(RepairStep::first().limit(20).write(true).after(after)).await.unwrap();
            found.extend(piece.findings);
            after = piece.next;
        }
        found
    });
    let mut ended = 0;
    while ended < many {
        let claimed = bench.take(7).await;
        assert!(!claimed.is_empty(), "{ended} of {many} jobs could be claimed");
        for (index, job) in claimed.iter().enumerate() {
            let outcome = if index % 3 == 0 && job.attempt == 1 { retry_in(secs(0)) } else { success() };
            ended += usize::from(outcome == success());
            bench.end(job, outcome).await;
        }
    }
    assert_eq!(repairing.await.unwrap(), []);
    assert_eq!(bench.count(State::Succeeded).await, many as u64);
    bench.is_sound().await;
}

pub(crate) async fn walk_goes_on_only_from_where_a_step_ended(bench: Bench) {
    for text in ["", "nowhere", "jobs", "{}", "\u{0}"] {
        let step = RepairStep::first().after(Some(RepairCursor(text.into())));
        assert_eq!(bench.store.repair(step).await.unwrap_err().kind(), ErrorKind::Invalid, "{text:?}");
    }
}

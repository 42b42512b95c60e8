//! The registry of workers.

use longshore_core::{WorkerId, WorkerNote, WorkerSecret, WorkerSeen, limits};

use crate::bench::{Bench, kind, queue, secs};

fn note(pid: u32) -> WorkerNote {
    let mut note = WorkerNote::default();
    (note.host, note.version) = ("machine ü".into(), "1.2.3".into());
    (note.queues, note.kinds) = (vec![queue("mail"), queue("bulk")], vec![kind("work")]);
    (note.pid, note.slots, note.running, note.quiet) = (pid, 10, 3, true);
    note
}

async fn all(bench: &Bench) -> Vec<WorkerSeen> {
    bench.backend.workers(None, limits::PAGE).await.expect("workers are listed")
}

pub(crate) async fn worker_is_listed_as_it_noted_itself_last(bench: Bench) {
    let id = WorkerSecret::new().id();
    bench.backend.note_worker(id, note(1)).await.expect("a worker notes itself");
    bench.advance(secs(30));
    bench.backend.note_worker(id, note(2)).await.expect("again");
    let [seen] = all(&bench).await.try_into().expect("one worker");
    assert_eq!((seen.id, &seen.note), (id, &note(2)));
    let apart = seen.seen.since(seen.since);
    assert!(apart >= secs(29) && apart < secs(60), "it has been there for {apart:?}");
    let now = bench.store.now().await.unwrap();
    assert!(seen.is_alive(now) && !seen.is_alive(now.after(limits::WORKER_ALIVE)));
    bench.backend.forget_worker(id).await.expect("a worker ends");
    assert_eq!(all(&bench).await, []);
    bench.backend.forget_worker(id).await.expect("a repeat");
}

pub(crate) async fn workers_are_listed_in_pages(bench: Bench) {
    let mut ids: Vec<WorkerId> = (0..7).map(|_| WorkerSecret::new().id()).collect();
    for id in &ids {
        bench.backend.note_worker(*id, note(7)).await.expect("a worker notes itself");
    }
    ids.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = bench.backend.workers(after, 3).await.expect("workers are listed");
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page.into_iter().map(|worker| worker.id));
    }
    assert_eq!(listed, ids);
}

pub(crate) async fn worker_that_was_not_seen_for_long_is_forgotten(bench: Bench) {
    let [gone, alive] = [WorkerSecret::new().id(), WorkerSecret::new().id()];
    bench.backend.note_worker(gone, note(1)).await.expect("a worker notes itself");
    bench.advance(limits::WORKER_KEPT / 2);
    bench.backend.note_worker(alive, note(2)).await.expect("a worker notes itself");
    bench.upkeep().await;
    assert_eq!(all(&bench).await.len(), 2);
    bench.advance(limits::WORKER_KEPT / 2 + secs(1));
    bench.upkeep().await;
    assert_eq!(all(&bench).await.into_iter().map(|worker| worker.id).collect::<Vec<_>>(), [alive]);
}

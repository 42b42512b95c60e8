//! Claims over several queues, each in its own slot: interrupted, repeated, released.

use longshore_core::{
    Acted, Action, Claim, Claimed, Death, ErrorKind, Filter, JobId, Jobs, Kind, NewJob, Nonce, Page, Payload,
    QueueName, Queues, Reason, Settings, State, When, WorkerSecret, limits,
};
use longshore_redis::Redis;

mod each;

use each::All;

async fn open() -> Redis {
    let url = format!("{}?prefix=claims-{:016x}", longshore_testbed::Redis::shared().url(), fastrand::u64(..));
    Redis::open(&url, Settings::default()).await.unwrap()
}

async fn push(store: &Redis, queue: &str, n: usize) -> Vec<JobId> {
    let queue: QueueName = queue.parse().unwrap();
    let new = || NewJob::new(queue.clone(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
    let jobs: Vec<NewJob> = (0..n).map(|_| new()).collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.push(jobs).await.all().unwrap();
    ids
}

fn ask(worker: &WorkerSecret, queues: &[&str], limit: usize) -> Claim {
    let queues = queues.iter().map(|queue| queue.parse().unwrap()).collect();
    let kind: Kind = "work".parse().unwrap();
    Claim::new(worker.id(), queues, vec![kind.into()]).limit(limit).idle(true)
}

async fn claim(store: &Redis, claim: &Claim) -> Vec<Claimed> {
    store.claim(claim.clone()).await.unwrap().jobs
}

#[tokio::test]
async fn claim_interrupted_between_two_queues_is_completed_by_its_repeat() {
    let (store, worker) = (open().await, WorkerSecret::new());
    push(&store, "a", 2).await;
    push(&store, "b", 5).await;
    // For the queue `a` this is the same claim. Its caller stopped before it asked `b`.
    let whole = ask(&worker, &["a", "b"], 3);
    let broken_off = whole.clone().queues(vec!["a".parse().unwrap(), "nothing.here".parse().unwrap()]);
    let first = claim(&store, &broken_off).await;
    assert_eq!(first.len(), 2);
    let repeated = claim(&store, &whole).await;
    assert_eq!(repeated[..2], first);
    assert_eq!(repeated.len(), 3, "one more job was wanted");
    assert_eq!(claim(&store, &whole).await, repeated, "and no more jobs");
}

#[tokio::test]
async fn repeat_of_an_empty_claim_gets_no_newer_jobs() {
    let (store, worker) = (open().await, WorkerSecret::new());
    let whole = ask(&worker, &["a", "b"], 3);
    assert!(claim(&store, &whole).await.is_empty());
    push(&store, "b", 1).await;
    assert!(claim(&store, &whole).await.is_empty(), "the first answer was empty");
    assert_eq!(claim(&store, &ask(&worker, &["a", "b"], 3)).await.len(), 1);
}

#[tokio::test]
async fn queue_named_twice_is_asked_once() {
    let (store, worker) = (open().await, WorkerSecret::new());
    let ids = push(&store, "a", 3).await;
    let twice = claim(&store, &ask(&worker, &["a", "a"], 2)).await;
    assert_eq!(twice.iter().map(|job| job.id).collect::<Vec<_>>(), ids[..2]);
}

#[tokio::test]
async fn released_worker_is_refused_by_known_and_new_queues() {
    let (store, worker) = (open().await, WorkerSecret::new());
    push(&store, "known", 1).await;
    assert_eq!(store.release(worker.clone(), Death::Crashed.into()).await.unwrap(), []);
    push(&store, "known", 1).await;
    for queue in ["known", "new"] {
        let error = store.claim(ask(&worker, &[queue], 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "queue {queue}");
    }
}

#[tokio::test]
async fn release_takes_the_jobs_of_every_queue() {
    let (store, worker) = (open().await, WorkerSecret::new());
    for queue in ["a", "b", "c"] {
        push(&store, queue, 600).await;
    }
    assert_eq!(claim(&store, &ask(&worker, &["a", "b"], 1000)).await.len(), 1000);
    assert_eq!(claim(&store, &ask(&worker, &["c"], 10)).await.len(), 10);
    assert_eq!(store.release(worker.clone(), Death::Interrupted.into()).await.unwrap().len(), 1010);
    assert_eq!(store.release(worker, Death::Interrupted.into()).await.unwrap(), []);
}

#[tokio::test]
async fn kinds_are_merged_by_priority_and_time() {
    let (store, worker) = (open().await, WorkerSecret::new());
    let mut jobs = Vec::new();
    for n in 0..40_i16 {
        let kind = ["x", "y", "z"][n as usize % 3].parse().unwrap();
        let mut new = NewJob::new("a".parse().unwrap(), kind, Payload::parse("{}").unwrap());
        new.priority = n % 5;
        jobs.push(new);
    }
    let mut best: Vec<_> = jobs.iter().enumerate().map(|(n, job)| (-job.priority, n, job.id)).collect();
    best.sort();
    store.push(jobs).await.all().unwrap();
    let kinds = ["x", "y", "z", "w"].map(|kind| kind.parse::<Kind>().unwrap().into()).to_vec();
    let all = ask(&worker, &["a"], 7).kinds(kinds);
    let mut claimed = Vec::new();
    loop {
        let got = claim(&store, &all.clone().nonce(Nonce::new())).await;
        if got.is_empty() {
            break;
        }
        claimed.extend(got.into_iter().map(|job| job.id));
    }
    assert_eq!(claimed, best.into_iter().map(|(.., id)| id).collect::<Vec<_>>());
}

#[tokio::test]
async fn scheduled_job_that_is_retried_by_hand_is_ready() {
    let store = open().await;
    let queue: QueueName = "a".parse().unwrap();
    let mut new = NewJob::new(queue.clone(), "rare".parse().unwrap(), Payload::parse("{}").unwrap());
    new.when = When::In(limits::LEASE);
    let id = new.id;
    store.push(vec![new]).await.all().unwrap();
    assert_eq!(store.act(id, Action::Retry).await.unwrap(), Acted::Done(State::Ready));
    assert!(store.queues(None, 10).await.unwrap()[0].oldest_ready.is_some());
    let filter = Filter { state: Some(State::Ready), ..Filter::default() };
    let listed = store.list(filter, Page::first(10)).await.unwrap().jobs;
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn large_payloads_are_handed_out_in_bounded_pieces() {
    let (store, worker) = (open().await, WorkerSecret::new());
    let payload = Payload::parse(&format!("\"{}\"", "x".repeat(limits::PAYLOAD_BYTES - 2))).unwrap();
    for _ in 0..5 {
        let new = || NewJob::new("a".parse().unwrap(), "work".parse().unwrap(), payload.clone());
        store.push((0..50).map(|_| new()).collect()).await.all().unwrap();
    }
    let mut pieces = Vec::new();
    while pieces.iter().sum::<usize>() < 250 {
        pieces.push(claim(&store, &ask(&worker, &["a"], 1000)).await.len());
        assert!(*pieces.last().unwrap() > 0, "the rest was lost: {pieces:?}");
    }
    assert!(pieces[0] < 250, "all of 62 MiB came at once");
}

#[tokio::test]
async fn claim_buries_a_bounded_number_over_all_queues_and_asks_to_be_repeated() {
    let settings = Settings::default();
    let url = format!("{}?prefix=claims-{:016x}", longshore_testbed::Redis::shared().url(), fastrand::u64(..));
    let (store, worker) = (Redis::open(&url, settings.clone()).await.unwrap(), WorkerSecret::new());
    let mut late = Vec::new();
    for queue in ["a", "b"] {
        let new = || NewJob {
            deadline: Some(When::In(limits::LEASE)),
            priority: 1,
            ..NewJob::new(queue.parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
        };
        late.extend((0..700).map(|_| new()));
    }
    store.push(late).await.all().unwrap();
    let good = push(&store, "b", 1).await;
    settings.clock.advance(limits::LEASE);
    let (mut buried, mut calls) = (0, 0);
    let claimed = loop {
        let claims = store.claim(ask(&worker, &["a", "b"], 10)).await.unwrap();
        assert!(claims.buried.len() <= limits::UPKEEP_ROWS, "{} in one call", claims.buried.len());
        assert!(claims.buried.iter().all(|moved| moved.reason == Some(Reason::Expired) && moved.state == State::Dead));
        buried += claims.buried.len();
        calls += 1;
        if !claims.jobs.is_empty() {
            break claims.jobs;
        }
        assert_eq!(claims.look_again, Some(std::time::Duration::ZERO));
    };
    assert_eq!((buried, calls), (1_400, 3));
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), good);
}

#[tokio::test]
async fn wanted_jobs_of_a_kind_are_counted_over_all_queues() {
    let (store, worker) = (open().await, WorkerSecret::new());
    push(&store, "a", 2).await;
    push(&store, "b", 5).await;
    let mut claim = ask(&worker, &["a", "b"], 100);
    claim.kinds[0].wanted = 3;
    let claimed = store.claim(claim).await.unwrap().jobs;
    assert_eq!(claimed.iter().map(|job| job.queue.as_str()).collect::<Vec<_>>(), ["a", "a", "b"]);
}

#[tokio::test]
async fn worker_that_claims_often_keeps_its_kinds_noted() {
    let settings = Settings::default();
    let prefix = format!("claims-{:016x}", fastrand::u64(..));
    let url = longshore_testbed::Redis::shared().url();
    let (store, worker) =
        (Redis::open(&format!("{url}?prefix={prefix}"), settings.clone()).await.unwrap(), WorkerSecret::new());
    let queue: QueueName = "a".parse().unwrap();
    let mut raw = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut noted = async || -> i64 {
        let key = format!("{prefix}:{{{:04x}}}:{}{queue}", queue.tag(), longshore_redis::keys::KINDS_SEEN);
        redis::cmd("ZSCORE").arg(key).arg("work").query_async(&mut raw).await.unwrap()
    };
    assert!(claim(&store, &ask(&worker, &["a"], 1)).await.is_empty());
    let first = noted().await;
    for _ in 0..4 {
        settings.clock.advance(std::time::Duration::from_secs(20));
        assert!(claim(&store, &ask(&worker, &["a"], 1)).await.is_empty());
    }
    assert!(noted().await >= first + 60_000, "a minute has passed");
}

#[tokio::test]
async fn claim_at_its_bury_limit_still_hands_out_other_jobs() {
    let settings = Settings::default();
    let url = format!("{}?prefix=claims-{:016x}", longshore_testbed::Redis::shared().url(), fastrand::u64(..));
    let (store, worker) = (Redis::open(&url, settings.clone()).await.unwrap(), WorkerSecret::new());
    let new = || NewJob {
        deadline: Some(When::In(limits::LEASE)),
        ..NewJob::new("a".parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
    };
    store.push((0..limits::UPKEEP_ROWS).map(|_| new()).collect()).await.all().unwrap();
    let good = push(&store, "b", 1).await;
    settings.clock.advance(limits::LEASE);
    let claims = store.claim(ask(&worker, &["a", "b"], 10)).await.unwrap();
    assert_eq!(claims.buried.len(), limits::UPKEEP_ROWS);
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), good);
}

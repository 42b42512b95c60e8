//! Reads of people and tools: exact, complete, and in order.

use std::collections::HashSet;

use longshore_core::{
    Capabilities, Cursor, Filter, JobId, Listed, NewJob, Page, Progress, QueueName, QueueStats, Reach, Renewal,
    Renewed, Settlement, Snapshot, State, When, limits,
};

use crate::bench::{Bench, UnwrapEach, fatal, job, job_of, kind, label, outcomes, queue, retry_in, secs, success};

pub(crate) async fn get_answers_in_the_order_asked(bench: Bench) {
    let ids = bench.push_plain(5).await;
    let asked = vec![ids[3], job().id, ids[0], ids[3]];
    let got = bench.backend.get(asked.clone()).await.unwrap();
    let got: Vec<Option<JobId>> = got.into_iter().map(|job| job.map(|job| job.id)).collect();
    assert_eq!(got, [Some(ids[3]), None, Some(ids[0]), Some(ids[3])]);
    let statuses = bench.backend.status(asked).await.unwrap();
    let statuses: Vec<Option<JobId>> = statuses.into_iter().map(|status| status.map(|status| status.id)).collect();
    assert_eq!(statuses, got);
}

pub(crate) async fn status_is_a_part_of_the_snapshot(bench: Bench) {
    let mut ids = bench.push_plain(1).await;
    ids.push(bench.push(NewJob { when: When::In(secs(60)), ..job() }).await);
    let claimed = bench.take_one().await;
    bench.progress(&claimed).await;
    for (outcome, _) in outcomes() {
        let claimed = bench.running().await;
        bench.end(&claimed, outcome).await;
        ids.push(claimed.id);
        bench.claim(bench.ask().limit(10)).await;
    }
    let (jobs, statuses) = (bench.backend.get(ids.clone()).await.unwrap(), bench.backend.status(ids).await.unwrap());
    for (job, status) in jobs.into_iter().flatten().zip(statuses.into_iter().flatten()) {
        assert_eq!(
            (job.id, job.state, job.attempt, job.max_attempts),
            (status.id, status.state, status.attempt, status.max_attempts)
        );
        assert_eq!((job.progress, job.reason, job.version), (status.progress, status.reason, status.version));
        assert_eq!(job.failures.into_iter().next_back().map(|failure| failure.message), status.message);
    }
}

pub(crate) async fn version_grows_with_every_change(bench: Bench) {
    let id = bench.push(NewJob { when: When::In(secs(60)), ..job() }).await;
    let mut last = bench.job(id).await.version;
    let mut grows = async |what: &str| {
        let version = bench.job(id).await.version;
        assert!(version > last, "{what} has left the version at {version}");
        last = version;
    };
    bench.advance(secs(60));
    let claimed = bench.take_one().await;
    grows("a claim").await;
    bench.progress(&claimed).await;
    grows("progress").await;
    bench.end(&claimed, retry_in(secs(0))).await;
    grows("a retry").await;
    let claimed = bench.take_one().await;
    grows("a claim").await;
    let _asked = bench.act(id, longshore_core::Action::Cancel).await;
    grows("a cancel").await;
    bench.end(&claimed, success()).await;
    grows("a success").await;
}

pub(crate) async fn alias_leads_to_the_newest_job(bench: Bench) {
    let with = |alias: &str| NewJob { alias: Some(label(alias)), ..job() };
    assert_eq!(bench.backend.find(label("a")).await.unwrap(), None);
    let bench = bench.keeping(secs(0), secs(0)).await;
    let first = bench.push(with("a")).await;
    bench.push(with("A")).await;
    let second = bench.push(NewJob { alias: Some(label("a")), ..job_of("elsewhere", "work") }).await;
    assert_eq!(bench.backend.find(label("a")).await.unwrap(), Some(second));
    assert_eq!(bench.backend.find(label("a%")).await.unwrap(), None);
    let claim = bench.ask().queues(vec![queue("elsewhere")]);
    let claimed = bench.claim(claim).await;
    bench.end(&claimed[0], success()).await;
    bench.upkeep().await;
    assert_eq!(bench.backend.find(label("a")).await.unwrap(), Some(first), "the newest that is left");
}

/// Pushes jobs of two queues, kinds, keys and tags, mixed. Returns them oldest first.
async fn mixed(bench: &Bench) -> Vec<Snapshot> {
    let mut ids = Vec::new();
    for n in 0..48 {
        let mut new = job_of(["default", "elsewhere"][n % 2], ["work", "other"][n / 2 % 2]);
        new.key = [None, Some(label("k1")), Some(label("k2"))][n % 3].clone();
        new.tags =
            [vec![], vec![label("red")], vec![label("blue"), label("red")], vec![label("re")]][n / 4 % 4].clone();
        // Jobs of one batch in several queues have the same age.
        ids.push(bench.push(new).await);
    }
    for (claimed, (outcome, _)) in bench.take(9).await.iter().zip(outcomes()) {
        bench.end(claimed, outcome).await;
    }
    bench.take(2).await;
    bench.backend.get(ids).await.unwrap().into_iter().flatten().collect()
}

pub(crate) async fn filters_select_exactly_what_they_name(bench: Bench) {
    let all = mixed(&bench).await;
    let mut filters = vec![Filter::default()];
    for name in ["default", "elsewhere", "nowhere"] {
        filters.push(Filter { queue: Some(queue(name)), ..Filter::default() });
    }
    for name in ["work", "other", "nothing"] {
        filters.push(Filter { kind: Some(kind(name)), ..Filter::default() });
    }
    filters.extend(State::ALL.map(|state| Filter { state: Some(state), ..Filter::default() }));
    filters.extend(["red", "blue", "re", "r%", "Red"].map(|tag| Filter { tag: Some(label(tag)), ..Filter::default() }));
    filters.extend(["k1", "k2", "k"].map(|key| Filter { key: Some(label(key)), ..Filter::default() }));
    let singles = filters.clone();
    for (one, other) in singles.iter().flat_map(|one| singles.iter().map(move |other| (one, other))) {
        filters.push(Filter {
            queue: one.queue.clone().or(other.queue.clone()),
            kind: one.kind.clone().or(other.kind.clone()),
            state: one.state.or(other.state),
            tag: one.tag.clone().or(other.tag.clone()),
            key: one.key.clone().or(other.key.clone()),
        });
    }
    for filter in filters {
        let expected: Vec<Snapshot> = all.iter().rev().filter(|job| filter.matches(job)).cloned().collect();
        assert_eq!(bench.list(filter.clone()).await, expected, "{filter:?}");
    }
}

pub(crate) async fn pages_are_complete_and_without_repeats(bench: Bench) {
    let mut ids = bench.push_plain(57).await;
    ids.reverse();
    for limit in [1, 7, 57, 58] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let Listed { jobs, next, .. } =
                bench.backend.list(Filter::default(), Page::new(after, limit)).await.unwrap();
            assert!(jobs.len() <= limit);
            seen.extend(jobs.into_iter().map(|job| job.id));
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ids, "pages of {limit}");
    }
}

pub(crate) async fn pages_stay_true_while_jobs_come_and_go(bench: Bench) {
    let bench = bench.keeping(secs(0), secs(0)).await;
    let old: HashSet<_> = bench.push_plain(40).await.into_iter().collect();
    let (mut seen, mut after, mut gone) = (Vec::new(), None, HashSet::new());
    loop {
        let listed = bench.backend.list(Filter::default(), Page::new(after, 7)).await.unwrap();
        seen.extend(listed.jobs.into_iter().map(|job| job.id));
        after = listed.next;
        if after.is_none() {
            break;
        }
        let claimed = bench.take_one().await;
        bench.end(&claimed, success()).await;
        gone.insert(claimed.id);
        bench.upkeep().await;
        bench.push_plain(3).await;
    }
    let distinct: HashSet<_> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "a job was listed twice");
    assert!(old.difference(&gone).all(|id| distinct.contains(id)), "a job was left out");
}

pub(crate) async fn page_has_two_hundred_jobs_at_most(bench: Bench) {
    bench.push_plain(300).await;
    let listed = bench.backend.list(Filter::default(), Page::first(10_000)).await.unwrap();
    assert_eq!(listed.jobs.len(), limits::PAGE);
    let next: Cursor = listed.next.expect("there are more").to_string().parse().expect("a cursor survives a link");
    let rest = bench.backend.list(Filter::default(), Page::new(Some(next), 10_000)).await.unwrap();
    assert_eq!((rest.jobs.len(), rest.next), (100, None));
    let one = bench.backend.list(Filter::default(), Page::first(0)).await.unwrap();
    assert_eq!(one.jobs.len(), 1);
}

pub(crate) async fn rare_job_is_found_in_a_long_list(bench: Bench) {
    let rare = bench.push(NewJob { tags: vec![label("rare")], ..job() }).await;
    bench.push_plain(limits::LIST_SCAN + 500).await;
    let found = bench.list(Filter { tag: Some(label("rare")), ..Filter::default() }).await;
    assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), [rare]);
    assert_eq!(bench.list(Filter { tag: Some(label("none")), ..Filter::default() }).await, []);
}

pub(crate) async fn counts_are_what_lists_hold(bench: Bench) {
    mixed(&bench).await;
    bench.crash().await;
    for way in bench.ways().await {
        let queues = way.queues(None, limits::PAGE).await.unwrap();
        let names: Vec<String> = queues.iter().map(|stats| stats.queue.to_string()).collect();
        assert_eq!(names, ["default", "elsewhere"], "queues come by name");
        for stats in queues {
            for state in State::ALL {
                let filter = Filter { queue: Some(stats.queue.clone()), state: Some(state), ..Filter::default() };
                assert_eq!(stats.count(state), bench.list(filter).await.len() as u64, "{state} in {}", stats.queue);
            }
        }
    }
}

/// Returns names in an unsorted order. Sorted, upper case comes first, and digits do not count as a number.
const NAMES: [&str; 7] = ["b", "a-1", "a.10", "a_2", "A", "0", "a"];

fn names(queues: &[QueueStats]) -> Vec<&str> {
    queues.iter().map(|stats| stats.queue.as_str()).collect()
}

pub(crate) async fn queues_are_listed_in_pages(bench: Bench) {
    assert_eq!(bench.store.queues(None, 10).await.unwrap(), []);
    bench.push_all(NAMES.map(|name| job_of(name, "work")).to_vec()).await;
    let mut sorted = NAMES;
    sorted.sort();
    for way in bench.stores().await {
        for limit in [1, 2, 6, 7, 8, limits::PAGE, usize::MAX] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = way.queues(after, limit).await.unwrap();
                assert!(page.len() <= limit && page.iter().all(|stats| stats.count(State::Ready) == 1));
                after = page.last().map(|last| last.queue.clone());
                let full = page.len() == limit;
                listed.extend(page);
                if !full {
                    break;
                }
            }
            assert_eq!(names(&listed), sorted, "in pages of {limit}");
        }
        assert_eq!(way.queues(None, 0).await.unwrap(), [], "a page of none is no error");
        assert_eq!(
            names(&way.queues(Some(queue("a-0")), 2).await.unwrap()),
            ["a-1", "a.10"],
            "nobody knows where it begins"
        );
        assert_eq!(way.queues(Some(queue("b")), 10).await.unwrap(), [], "behind the last");
        for stats in way.queues(None, 10).await.unwrap() {
            assert_eq!(way.queue(stats.queue.clone()).await.unwrap().map(|one| one.counts), Some(stats.counts));
        }
        assert_eq!(way.queue(queue("c")).await.unwrap(), None);
    }
}

pub(crate) async fn queue_that_appears_between_two_pages_hides_none(bench: Bench) {
    bench.push_all(["b", "d", "f", "h"].map(|name| job_of(name, "work")).to_vec()).await;
    let first = bench.backend.queues(None, 2).await.unwrap();
    assert_eq!(names(&first), ["b", "d"]);
    bench.push_all(["a", "e", "g"].map(|name| job_of(name, "work")).to_vec()).await;
    let second = bench.backend.queues(Some(queue("d")), 3).await.unwrap();
    assert_eq!(names(&second), ["e", "f", "g"]);
    assert_eq!(names(&bench.backend.queues(Some(queue("g")), 3).await.unwrap()), ["h"]);
}

pub(crate) async fn page_has_two_hundred_queues_at_most(bench: Bench) {
    let all: Vec<String> = (0..limits::PAGE + 5).map(|n| format!("q{n:04}")).collect();
    bench.push_all(all.iter().map(|name| job_of(name, "work")).collect()).await;
    assert_eq!(bench.backend.queues(None, usize::MAX).await.unwrap().len(), limits::PAGE);
    assert_eq!(bench.backend.queues(None, 0).await.unwrap().len(), 1, "a page has one at least");
    assert_eq!(names(&bench.queues().await), all);
}

pub(crate) async fn oldest_ready_is_how_long_the_longest_has_waited(bench: Bench) {
    let oldest = async || {
        let stats = bench.backend.queue(QueueName::default()).await.unwrap();
        stats.and_then(|stats| stats.oldest_ready)
    };
    assert_eq!(oldest().await, None);
    bench.push(NewJob { when: When::In(secs(10_000)), ..job() }).await;
    assert_eq!(oldest().await, None, "a scheduled job does not wait for a worker");
    bench.push(NewJob { priority: -5, ..job() }).await;
    bench.advance(secs(100));
    bench.push(NewJob { priority: 5, ..job() }).await;
    assert!(oldest().await.is_some_and(|waited| waited >= secs(100) && waited < secs(130)));
    assert_eq!(bench.take(2).await.len(), 2);
    assert_eq!(oldest().await, None);
}

pub(crate) async fn newest_failures_are_kept_and_cut(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(30), ..job() }).await;
    for attempt in 1..=25 {
        let claimed = bench.take_one().await;
        let message = format!("{attempt}: {}", "ü".repeat(limits::FAILURE_BYTES));
        bench.end(&claimed, longshore_core::Outcome::Retry { delay: secs(0), message }).await;
    }
    let failures = bench.job(id).await.failures;
    assert_eq!(failures.len(), limits::FAILURES_KEPT);
    for (failure, attempt) in failures.iter().zip(6..) {
        assert_eq!((failure.attempt, failure.worker), (attempt, Some(bench.worker.id())));
        assert!(failure.message.starts_with(&format!("{attempt}: ü")));
        let bytes = failure.message.len();
        assert!((limits::FAILURE_BYTES - 1..=limits::FAILURE_BYTES).contains(&bytes), "{bytes} bytes are kept");
    }
    assert!(failures.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

pub(crate) async fn failure_of_the_end_is_kept_too(bench: Bench) {
    let claimed = bench.running().await;
    bench.end(&claimed, fatal()).await;
    let job = bench.job(claimed.id).await;
    assert_eq!(job.failures.len(), 1);
    assert_eq!((job.failures[0].message.as_str(), job.failures[0].attempt), ("no use", 1));
}

pub(crate) async fn latest_progress_wins_and_belongs_to_one_attempt(bench: Bench) {
    let claimed = bench.running().await;
    let say = async |progress: Option<Progress>| {
        let renewal = Renewal::new(claimed.id, claimed.token, limits::LEASE).progress(progress);
        assert_eq!(bench.backend.renew(vec![renewal]).await.unwrap_each(), [Renewed::Held]);
        bench.job(claimed.id).await.progress
    };
    assert_eq!(say(None).await, None);
    let first = Progress::of(u64::MAX >> 1, u64::MAX >> 1).with_message("säge 🪚");
    assert_eq!(say(Some(first.clone())).await, Some(first.clone()));
    assert_eq!(say(None).await, Some(first), "a renewal without news forgets nothing");
    let second = Progress::from_message("fertig");
    assert_eq!(say(Some(second.clone())).await, Some(second));

    let last = Progress::of(9, 10);
    let settlement = Settlement::new(claimed.id, claimed.token, retry_in(secs(0))).progress(Some(last.clone()));
    let _done = bench.backend.settle(vec![settlement]).await.unwrap_each();
    assert_eq!(bench.job(claimed.id).await.progress, Some(last), "the last word comes with the settle");
    bench.take_one().await;
    assert_eq!(bench.job(claimed.id).await.progress, None, "a new attempt begins at nothing");
}

pub(crate) async fn store_says_what_it_is(bench: Bench) {
    let Capabilities { engine, version, reach, .. } = bench.backend.capabilities();
    assert!(!engine.is_empty() && !version.is_empty());
    let opened_twice = bench.second().await.is_some();
    assert_eq!(opened_twice, reach > Reach::Process, "what it says and what it does");
}

pub(crate) async fn log_is_written_only_by_the_holder_and_deleted_with_its_job(bench: Bench) {
    let first = bench.running().await;
    let write = async |job: &longshore_core::Claimed, text: &str| {
        bench.backend.write_log(job.id, job.token, text.to_owned()).await.expect("a log can be written")
    };
    let log = async || bench.backend.log(first.id, None).await.expect("a log can be read");
    assert_eq!(log().await.as_deref(), Some(""));
    assert!(write(&first, "one\n").await);
    assert!(write(&first, "one\ntwo \u{fc}\n").await, "the newest replaces the earlier");
    bench.end(&first, retry_in(secs(0))).await;
    let second = bench.take_one().await;
    assert!(!write(&first, "stale").await);
    assert_eq!(log().await.as_deref(), Some("one\ntwo \u{fc}\n"));
    bench.end(&second, success()).await;
    assert!(!write(&second, "late").await);
    bench.advance(limits::KEEP_FINISHED);
    bench.upkeep().await;
    assert_eq!(log().await, None);
}

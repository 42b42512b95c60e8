//! Rules of a queue: one versioned value, changed by compare-and-set.

use longshore_core::{HeldBackReason, Label, Pause, Rules, RulesChange, State, Timestamp, Upkeep, limits};

use crate::bench::{Bench, label, queue, secs};

fn paused_by(name: &str) -> Rules {
    let by: Option<Label> = Some(label(name));
    let pause = Pause { since: Timestamp::from_millis(1), until: None, reason: Some(label("\"why\" ü")), by };
    Rules::pausing(Some(pause))
}

async fn change(bench: &Bench, expected: u64, rules: &Rules) -> RulesChange {
    bench.backend.change_rules(queue("default"), expected, rules.clone()).await.expect("rules can be changed")
}

pub(crate) async fn rules_read_as_they_were_written(bench: Bench) {
    assert_eq!(bench.backend.rules(queue("default")).await.unwrap(), Rules::default(), "a queue that nobody knows");
    assert_eq!(change(&bench, 0, &paused_by("ada")).await, RulesChange::Changed(1));
    for way in bench.ways().await {
        assert_eq!(way.rules(queue("default")).await.unwrap(), paused_by("ada").at_version(1));
        assert_eq!(way.rules(queue("other")).await.unwrap(), Rules::default());
    }
    let stats = bench.queues().await;
    let listed = stats.iter().find(|stats| stats.queue == queue("default")).expect("a queue with rules is listed");
    assert_eq!(listed.rules, paused_by("ada").at_version(1));
    assert_eq!(change(&bench, 1, &Rules::default()).await, RulesChange::Changed(2));
    assert_eq!(bench.backend.rules(queue("default")).await.unwrap(), Rules::default().at_version(2));
}

pub(crate) async fn late_change_of_rules_conflicts_and_gets_the_present_rules(bench: Bench) {
    assert_eq!(change(&bench, 0, &paused_by("ada")).await, RulesChange::Changed(1));
    let conflict = RulesChange::Conflict(paused_by("ada").at_version(1));
    for expected in [0, 2, 9] {
        assert_eq!(change(&bench, expected, &paused_by("bob")).await, conflict);
    }
    assert_eq!(change(&bench, 1, &paused_by("bob")).await, RulesChange::Changed(2));
}

pub(crate) async fn of_many_changes_at_once_one_wins_each_version(bench: Bench) {
    let ways = bench.ways().await;
    let changes = (0..8).map(|n| {
        let way = ways[n % ways.len()].clone();
        tokio::spawn(async move { way.change_rules(queue("default"), 0, paused_by(&format!("p{n}"))).await.unwrap() })
    });
    let mut won = 0;
    for change in changes.collect::<Vec<_>>() {
        won += u32::from(change.await.unwrap() == RulesChange::Changed(1));
    }
    assert_eq!(won, 1);
}

pub(crate) async fn queue_with_a_rule_that_a_program_does_not_know_is_held_back_from_it(bench: Bench) {
    bench.push_plain(2).await;
    let running = bench.take_one().await;
    assert_eq!(change(&bench, 0, &paused_by("a newer program")).await, RulesChange::Changed(1));
    let old = bench.claims(bench.ask().rules_level(0)).await;
    assert_eq!(old.jobs, []);
    assert_eq!(old.held_back.iter().map(|held| held.why).collect::<Vec<_>>(), [HeldBackReason::UnknownRule]);
    assert_eq!(bench.claims(bench.ask()).await.held_back[0].why, HeldBackReason::Paused);
    // Only programs that know the rule rescue the queue's jobs.
    bench.advance(limits::LEASE + secs(1));
    let old = Upkeep::new(limits::UPKEEP_ROWS, true).rules_level(0);
    assert_eq!(bench.store.upkeep(old).await.unwrap().rescued.len(), 0);
    assert_eq!(bench.state(running.id).await, State::Running);
    assert_eq!(bench.upkeep().await.rescued.len(), 1);
}

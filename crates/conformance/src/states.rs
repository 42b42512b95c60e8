//! Random walks: the store under test and the reference store do the same and must answer the same.

use longshore_core::{Filter, Settings, State};

use crate::bench::Bench;
use crate::walk::Walk;

pub(crate) async fn random_walk_agrees_with_the_model(bench: Bench) {
    let mut dice = crate::bench::dice();
    for _ in 0..3 * crate::seeds::times() {
        let mut settings = Settings::default();
        settings.keep_finished = crate::walk::UNIT * 2;
        settings.keep_dead = crate::walk::UNIT * 6;
        let bench = bench.fresh(settings.clone()).await;
        let mut walk = Walk::new(bench, settings, dice.fork());
        for step in 0..600 {
            walk.step().await;
            walk.compare().await;
            if step % 50 == 0 {
                walk.count().await;
            }
        }
        walk.work_off().await;
    }
}

pub(crate) async fn every_outcome_leaves_a_job_somewhere(bench: Bench) {
    for (outcome, state) in crate::bench::outcomes() {
        let bench = bench.fresh(Settings::default()).await;
        let claimed = bench.running().await;
        bench.end(&claimed, outcome).await;
        let job = bench.job(claimed.id).await;
        assert_eq!(job.state, state);
        assert_eq!(job.finished_at.is_some(), state.is_final());
        assert_eq!(job.reason.is_some(), state == State::Dead);
        let listed = bench.list(Filter { state: Some(state), ..Filter::default() }).await;
        assert_eq!(listed, std::slice::from_ref(&job));
        bench.advance(crate::bench::hours(1));
        assert_eq!(bench.take(10).await.len(), usize::from(!state.is_final()), "{state}");
    }
}

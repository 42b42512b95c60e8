//! Claims: answer a repeated claim again, or promote, pick and start jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Memory, Presence, Row, Tables, Worker};
use crate::state::{self, Event};
use crate::{
    Admission, Claim, Claimed, Claims, Error, Kind, KindLimits, KnownKind, QueueName, QueueState, Reason, State, Token,
    admit, limits,
};

impl Tables {
    pub(super) fn claim(&mut self, store: &Memory, claim: &Claim) -> Result<Claims, Error> {
        let now = store.now();
        if let Some(earlier) = self.earlier(store, claim)? {
            return Ok(earlier);
        }
        self.promote(store, &claim.queues);
        for known in &claim.kinds {
            self.kinds.insert(known.kind.clone(), now);
        }
        let first = self.last_claim + 1;
        let mut claims = Claims::default();
        for queue in &claim.queues {
            self.queues.entry(queue.clone()).or_insert(Presence::NEVER).note(now);
            let rules = self.rules(queue);
            let admission = match rules.level() > claim.rules_level {
                true => Admission::UNKNOWN,
                false => admit(&rules, self.state_of(queue), now),
            };
            if let Some(why) = admission.why {
                claims.hold_back(queue.clone(), why, admission.wait(now));
            }
            if admission.most > 0 {
                self.pick(store, claim, queue, &mut claims);
            }
        }
        if !claims.jobs.is_empty() {
            let tokens = first..self.last_claim + 1;
            self.workers.insert(claim.worker, Worker { nonce: claim.nonce, tokens, released: false });
        }
        let waits = |row: &&Row| row.job.state == State::Scheduled && claim.queues.contains(&row.job.queue);
        claims.look_in(self.rows.values().filter(waits).map(|row| row.job.run_at.since(now)).min());
        Ok(claims)
    }

    /// Returns the jobs that the same claim returned before, as far as they are still held.
    fn earlier(&mut self, store: &Memory, claim: &Claim) -> Result<Option<Claims>, Error> {
        let Some(worker) = self.workers.get(&claim.worker) else { return Ok(None) };
        if worker.released {
            return Err(Error::new(crate::ErrorKind::Refused, format!("worker {} was released", claim.worker)));
        }
        if worker.nonce != claim.nonce {
            return Ok(None);
        }
        let until = store.lease_until(claim.lease);
        let again = |row: &mut Row| {
            let (token, _) = row.lease.filter(|(token, _)| worker.tokens.contains(&token.number))?;
            let held = row.job.worker == Some(claim.worker);
            // The first answer may have been lost long ago, so the lease starts again.
            held.then(|| {
                row.lease = Some((token, until));
                row.claimed(token, store.now())
            })
        };
        let mut jobs: Vec<_> = self.rows.values_mut().filter_map(again).collect();
        jobs.sort_by_key(|job| job.token.number);
        Ok(Some(Claims { jobs, ..Claims::default() }))
    }

    /// Makes scheduled jobs of these queues ready whose time has come.
    fn promote(&mut self, store: &Memory, queues: &[QueueName]) {
        let now = store.now();
        let due = self.seqs(usize::MAX, |row| {
            row.job.state == State::Scheduled && row.job.run_at <= now && queues.contains(&row.job.queue)
        });
        for seq in due {
            let next = state::step(self.rows[&seq].facts(), Event::Due).expect("a scheduled job can be due");
            store.apply(self, seq, next, None);
        }
    }

    /// Picks the best ready jobs of a queue and starts them.
    fn pick(&mut self, store: &Memory, claim: &Claim, queue: &QueueName, claims: &mut Claims) {
        let ready = self.ready(queue, &claim.kinds);
        let is_isolated = |seq: &i64| state::is_isolated(self.rows[seq].job.crashes);
        let (isolated, crowd): (Vec<i64>, Vec<i64>) = ready.into_iter().partition(is_isolated);
        claims.isolated_waits |= !isolated.is_empty();
        // An idle worker is kept free for a job that must run isolated, even while it wants no job of that kind.
        let isolates = claim.idle && claims.jobs.is_empty() && !isolated.is_empty();
        if !isolates || self.start_all(store, claim, isolated, claims) {
            self.start_all(store, claim, crowd, claims);
        }
    }

    /// Starts those of these ready jobs that the claim wants. Returns whether all of them were buried instead.
    fn start_all(&mut self, store: &Memory, claim: &Claim, ready: Vec<i64>, claims: &mut Claims) -> bool {
        let (now, all, before) = (store.settings.clock.expiry_now(), ready.len(), claims.buried.len());
        for seq in ready {
            if claims.jobs.len() >= claim.limit || claims.is_isolated() {
                break;
            }
            let job = &self.rows[&seq].job;
            let known = claim.kinds.iter().find(|known| known.kind == job.kind).expect("only known kinds are ready");
            if claims.jobs.iter().filter(|claimed| claimed.kind == job.kind).count() >= known.wanted {
                continue;
            }
            if job.deadline.is_some_and(|deadline| deadline <= now) {
                if claims.buried.len() == limits::UPKEEP_ROWS {
                    claims.look_in(Some(Duration::ZERO));
                    break;
                }
                let facts = self.rows[&seq].facts();
                let next = state::step(facts, Event::Bury(Reason::Expired)).expect("a ready job can be buried");
                store.apply(self, seq, next, None);
                claims.buried.push(self.rows[&seq].moved());
                continue;
            }
            claims.jobs.push(self.start(store, claim, known.limits, seq));
        }
        claims.buried.len() - before == all
    }

    /// Starts a ready job for a worker.
    fn start(&mut self, store: &Memory, claim: &Claim, limits: KindLimits, seq: i64) -> Claimed {
        let next = state::step(self.rows[&seq].facts(), Event::Claim).expect("a ready job can be claimed");
        store.apply(self, seq, next, None);
        self.last_claim += 1;
        let (token, now) = (Token::new(self.last_claim), store.now());
        let row = self.rows.get_mut(&seq).expect("the row was just read");
        row.lease = Some((token, store.lease_until(claim.lease)));
        row.claim = Some(token.number);
        let (attempts, timeout) = row.asked;
        row.job.max_attempts = limits.attempts(attempts);
        row.job.timeout = limits.timeout(timeout);
        row.job.worker = Some(claim.worker);
        row.job.started_at = Some(now);
        row.job.progress = None;
        row.claimed(token, now)
    }

    fn state_of(&self, queue: &QueueName) -> QueueState {
        let runs = |row: &&Row| row.job.state == State::Running && row.job.queue == *queue;
        QueueState { running: self.rows.values().filter(runs).count() as u64 }
    }

    /// Returns the ready jobs of a queue of these kinds, best first.
    fn ready(&self, queue: &QueueName, kinds: &[KnownKind]) -> Vec<i64> {
        let is_known = |kind: &Kind| kinds.iter().any(|known| known.kind == *kind);
        let ready = self
            .rows
            .iter()
            .filter(|(_, row)| row.job.state == State::Ready && row.job.queue == *queue && is_known(&row.job.kind));
        let ranked: BTreeSet<_> = ready.map(|(seq, row)| (-row.job.priority, row.job.run_at, *seq)).collect();
        ranked.into_iter().map(|(.., seq)| seq).collect()
    }
}

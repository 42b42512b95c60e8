//! Renewing, settling and releasing claims.

use std::collections::HashMap;

use longshore_core::{
    Answers, Claim, Claims, Death, Error, Gone, JobId, Moved, News, Notices, Outcome, Progress, Reason, Renewal,
    Renewed, Settled, Settlement, State, Stored, WorkerSecret, limits, millis, name::cut, store::fail_all,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::claim::{Ask, lock};
use crate::pool::{Param, Statement};
use crate::push::{bounded, column, uuid};
use crate::read;

const RENEW: &str = "SELECT place, cancel_asked FROM longshore.renew($1, $2, $3, $4, $5, $6)";
const SETTLE: &str = "SELECT longshore.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

pub(crate) async fn renew(store: &Postgres, renewals: Vec<Renewal>) -> Answers<Renewed> {
    let mut answers: Answers<Renewed> = renewals.iter().map(|_| Ok(Renewed::Lost)).collect();
    for places in rounds(renewals.iter().map(|renewal| renewal.id)) {
        match renew_distinct(store, &renewals, &places).await {
            Ok(renewed) => renewed.into_iter().for_each(|(place, renewed)| answers[place] = Ok(renewed)),
            Err(e) => places.into_iter().for_each(|place| answers[place] = Err(e.shared())),
        }
    }
    answers
}

/// Renews distinct jobs in one statement. Returns the positions and answers of those that are held.
async fn renew_distinct(
    store: &Postgres,
    renewals: &[Renewal],
    places: &[usize],
) -> Result<Vec<(usize, Renewed)>, Error> {
    let (_, lease_shift) = store.settings.clock.shift();
    let batch = in_order(renewals, places, |renewal| renewal.id);
    let of = |value: fn(&Renewal) -> i64| batch.iter().map(|(_, renewal)| value(renewal)).collect::<Vec<_>>();
    let progresses = column(&batch, |(_, renewal)| renewal.progress.as_ref().and_then(json));
    let rows = store
        .pool
        .rows(
            RENEW,
            &[
                (&batch.iter().map(|(_, renewal)| uuid(renewal.id)).collect::<Vec<_>>(), Type::UUID_ARRAY),
                (&of(|renewal| renewal.token.number as i64), Type::INT8_ARRAY),
                (&of(|renewal| renewal.token.bits as i64), Type::INT8_ARRAY),
                (&of(|renewal| bounded(millis(renewal.lease))), Type::INT8_ARRAY),
                (&progresses, Type::TEXT_ARRAY),
                (&lease_shift, Type::INT8),
            ],
        )
        .await?;
    let mut renewed = Vec::with_capacity(rows.len());
    for row in rows {
        let place: i32 = row.try_get(0).map_err(crate::error::of)?;
        let asked: bool = row.try_get(1).map_err(crate::error::of)?;
        renewed.push((batch[place as usize - 1].0, if asked { Renewed::CancelAsked } else { Renewed::Held }));
    }
    let mut news = News::default();
    news.add_all(batch.iter().filter(|(_, renewal)| renewal.progress.is_some()).map(|(_, renewal)| renewal.id));
    store.publisher.tell(Notices::of_news(news));
    Ok(renewed)
}

pub(crate) async fn settle(store: &Postgres, settlements: Vec<Settlement>) -> Answers<Settled> {
    let mut answers: Answers<Settled> = settlements.iter().map(|_| Ok(Settled::Done)).collect();
    let mut failed: Option<Error> = None;
    for places in rounds(settlements.iter().map(|settlement| settlement.id)) {
        if failed.is_none() {
            let batch = Batch::new(store, &settlements, &places);
            let rows = store.pool.rows_of(batch.statement(&batch.params())).await;
            failed = batch.answer(store, rows, &mut answers).err();
        }
        // Settles after a failed one are not tried, because they must not overtake it.
        if let Some(e) = &failed {
            places.into_iter().for_each(|place| answers[place] = Err(e.shared()));
        }
    }
    answers
}

/// Settles, and claims without waiting for the answer: one round trip.
pub(crate) async fn settle_and_claim(
    store: &Postgres,
    settlements: Vec<Settlement>,
    claim: Claim,
) -> (Answers<Settled>, Result<Claims, Error>) {
    let rounds = rounds(settlements.iter().map(|settlement| settlement.id));
    // A pooler may give the second statement to another session, which does not wait for the first.
    let [places] = rounds.as_slice() else { return one_by_one(store, settlements, claim).await };
    if store.pool.is_pooled() {
        return one_by_one(store, settlements, claim).await;
    }
    let (batch, ask) = (Batch::new(store, &settlements, places), Ask::new(store, claim));
    let (settling, claiming) = (batch.params(), ask.params());
    let (settled, claimed) = store.pool.rows_of_two(batch.statement(&settling), ask.statement(&claiming)).await;
    let mut answers: Answers<Settled> = settlements.iter().map(|_| Ok(Settled::Done)).collect();
    if let Err(e) = batch.answer(store, settled, &mut answers) {
        answers = fail_all(settlements.len(), &e);
    }
    let claims = match claimed {
        Ok(rows) => ask.answer(store, &rows).await,
        Err(e) => Err(e),
    };
    (answers, claims)
}

async fn one_by_one(
    store: &Postgres,
    settlements: Vec<Settlement>,
    claim: Claim,
) -> (Answers<Settled>, Result<Claims, Error>) {
    let settled = settle(store, settlements).await;
    (settled, crate::claim::claim(store, claim).await)
}

/// Settlements of distinct jobs, as parameters: outcomes that end a job in any case come first. Each part is sorted by
/// id, the order in which all transactions lock rows.
struct Batch<'a> {
    items: Vec<(usize, &'a Settlement)>,
    certain: i32,
    ids: Vec<Uuid>,
    numbers: Vec<i64>,
    bits: Vec<i64>,
    outcomes: Vec<i16>,
    delays: Vec<Option<i64>>,
    messages: Vec<Option<String>>,
    whys: Vec<Option<&'static str>>,
    progresses: Vec<Option<String>>,
    result_types: Vec<Option<String>>,
    results: Vec<Option<&'a [u8]>>,
    artifacts: Vec<Option<i64>>,
    artifact_bytes: Vec<Option<i64>>,
    shift: i64,
    keep_finished: i64,
    keep_dead: i64,
}

impl<'a> Batch<'a> {
    fn new(store: &Postgres, settlements: &'a [Settlement], places: &[usize]) -> Self {
        let items = in_order(settlements, places, |settlement| (!is_certain(&settlement.outcome), settlement.id));
        let certain = items.iter().take_while(|(_, settlement)| is_certain(&settlement.outcome)).count();
        let of = |value: fn(&Settlement) -> i64| items.iter().map(|(_, settlement)| value(settlement)).collect();
        Batch {
            certain: certain as i32,
            ids: items.iter().map(|(_, settlement)| uuid(settlement.id)).collect(),
            numbers: of(|settlement| settlement.token.number as i64),
            bits: of(|settlement| settlement.token.bits as i64),
            outcomes: items.iter().map(|(_, settlement)| number(&settlement.outcome)).collect(),
            delays: column(&items, |(_, settlement)| settlement.outcome.delay().map(|delay| bounded(millis(delay)))),
            messages: column(&items, |(_, settlement)| message(&settlement.outcome)),
            whys: column(&items, |(_, settlement)| why(&settlement.outcome)),
            progresses: column(&items, |(_, settlement)| settlement.progress.as_ref().and_then(json)),
            result_types: column(&items, |(_, settlement)| {
                result(&settlement.outcome).map(|it| clean(it.content_type()))
            }),
            results: column(&items, |(_, settlement)| inline(result(&settlement.outcome)?)),
            artifacts: column(&items, |(_, settlement)| artifact(result(&settlement.outcome)?).map(|(claim, _)| claim)),
            artifact_bytes: column(&items, |(_, settlement)| {
                artifact(result(&settlement.outcome)?).map(|(_, bytes)| bytes)
            }),
            shift: store.settings.clock.shift().0,
            keep_finished: store.keep_finished(),
            keep_dead: store.keep_dead(),
            items,
        }
    }

    fn params(&self) -> [Param<'_>; 16] {
        [
            (&self.certain, Type::INT4),
            (&self.ids, Type::UUID_ARRAY),
            (&self.numbers, Type::INT8_ARRAY),
            (&self.bits, Type::INT8_ARRAY),
            (&self.outcomes, Type::INT2_ARRAY),
            (&self.delays, Type::INT8_ARRAY),
            (&self.messages, Type::TEXT_ARRAY),
            (&self.whys, Type::TEXT_ARRAY),
            (&self.progresses, Type::TEXT_ARRAY),
            (&self.result_types, Type::TEXT_ARRAY),
            (&self.results, Type::BYTEA_ARRAY),
            (&self.artifacts, Type::INT8_ARRAY),
            (&self.artifact_bytes, Type::INT8_ARRAY),
            (&self.shift, Type::INT8),
            (&self.keep_finished, Type::INT8),
            (&self.keep_dead, Type::INT8),
        ]
    }

    fn statement<'b>(&self, params: &'b [Param<'b>]) -> Statement<'b> {
        Statement { function: "settle", sql: SETTLE, params }
    }

    /// Records which are lost.
    fn answer(
        &self,
        store: &Postgres,
        rows: Result<Vec<Row>, Error>,
        answers: &mut Answers<Settled>,
    ) -> Result<(), Error> {
        for row in rows? {
            let place: i32 = row.try_get(0).map_err(crate::error::of)?;
            answers[self.items[place as usize - 1].0] = Ok(Settled::Lost);
        }
        let (_, released) = self.items.split_at(self.certain as usize);
        let mut news = News::default();
        news.add_all(self.items.iter().map(|(_, settlement)| settlement.id));
        store.publisher.tell(Notices::of_news(news));
        if !released.is_empty() {
            store.publisher.notify_handed_back(released.iter().map(|(_, settlement)| settlement.id).collect());
        }
        Ok(())
    }
}

pub(crate) async fn release(store: &Postgres, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
    let worker = Uuid::from_bytes(*worker.id().as_bytes());
    let (shift, _) = store.settings.clock.shift();
    let crash = (gone.death == Death::Crashed).then(|| gone.to_string());
    let row = store
        .pool
        .row(
            "SELECT * FROM longshore.release_worker($1, $2, $3, $4, $5, $6)",
            &[
                (&worker, Type::UUID),
                (&lock(store, worker), Type::INT8),
                (&crash, Type::TEXT),
                (&shift, Type::INT8),
                (&store.keep_finished(), Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await?;
    let (taken, failed): (_, i64) = (row.try_get(0).map_err(crate::error::of)?, crate::read::column(&row, "failed")?);
    if failed > 0 {
        let error: Option<&str> = crate::read::column(&row, "error")?;
        tracing::warn!(
            jobs = failed,
            error,
            "cannot release some jobs of a worker that is gone; they wait for their leases to end"
        );
    }
    let taken = read::taken(taken, gone.death);
    store.publisher.tell(notices_of(&taken));
    Ok(taken)
}

/// Returns the notifications for moved jobs.
pub(crate) fn notices_of(jobs: &[Moved]) -> Notices {
    let mut notices = Notices::default();
    notices.news.add_all(jobs.iter().map(|job| job.id));
    for job in jobs.iter().filter(|job| matches!(job.state, State::Scheduled | State::Ready)) {
        notices.add_work(&job.queue, &job.kind);
    }
    notices
}

/// Splits positions into rounds without duplicate jobs: a second settle of a job must see the effect of the first.
fn rounds(ids: impl Iterator<Item = JobId>) -> Vec<Vec<usize>> {
    let mut seen: HashMap<JobId, usize> = HashMap::new();
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (place, id) in ids.enumerate() {
        let round = seen.entry(id).and_modify(|round| *round += 1).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(place);
    }
    rounds
}

/// Returns the items at these positions, sorted, each with its position.
fn in_order<'a, T, K: Ord>(items: &'a [T], places: &[usize], key: impl Fn(&T) -> K) -> Vec<(usize, &'a T)> {
    let mut batch: Vec<_> = places.iter().map(|place| (*place, &items[*place])).collect();
    batch.sort_by_key(|(_, item)| key(item));
    batch
}

fn json(progress: &Progress) -> Option<String> {
    serde_json::to_string(progress).ok()
}

/// Removes the one character that PostgreSQL's text cannot contain.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns whether an outcome ends a job in any state.
fn is_certain(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Succeed { .. } | Outcome::Bury { .. } | Outcome::Cancel)
}

/// Returns the number of an outcome among the events of `sql/step.sql`.
pub(crate) fn number(outcome: &Outcome) -> i16 {
    match outcome {
        Outcome::Succeed { .. } => 0,
        Outcome::Retry { .. } => 1,
        Outcome::Snooze { .. } => 2,
        Outcome::Release => 3,
        Outcome::Bury { .. } => 4,
        Outcome::Cancel => 5,
        Outcome::Outage { .. } => 13,
    }
}

fn message(outcome: &Outcome) -> Option<String> {
    let (_, message) = outcome.failure()?;
    Some(cut(&clean(message), limits::FAILURE_BYTES).to_owned())
}

fn why(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Bury { reason, .. } => Some(Reason::as_str(*reason)),
        _ => None,
    }
}

fn result(outcome: &Outcome) -> Option<&Stored> {
    match outcome {
        Outcome::Succeed { result } => result.as_ref(),
        _ => None,
    }
}

fn inline(result: &Stored) -> Option<&[u8]> {
    match result {
        Stored::Inline(output) => Some(output.body.as_ref()),
        Stored::Artifact { .. } => None,
    }
}

fn artifact(result: &Stored) -> Option<(i64, i64)> {
    match result {
        Stored::Artifact { name, bytes, .. } => Some((name.claim as i64, *bytes as i64)),
        Stored::Inline(_) => None,
    }
}

//! Keeping, ending and losing claims.

use std::collections::HashMap;

use longshore_core::{
    Death, Error, JobId, Outcome, Progress, Reason, Renewal, Renewed, Settled, Settlement, Stored, WorkerSecret,
    limits, millis, name::cut,
};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::bells::Rings;
use crate::claim::lock;
use crate::push::{bounded, column, uuid};

const RENEW: &str = "SELECT place, cancel_asked FROM longshore.renew($1, $2, $3, $4, $5, $6)";
const SETTLE: &str = "SELECT longshore.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

pub(crate) async fn renew(store: &Postgres, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
    let mut answers = vec![Renewed::Lost; renewals.len()];
    let (_, lease_shift) = store.settings.clock.shift();
    for (round, places) in rounds(renewals.iter().map(|renewal| renewal.id)).into_iter().enumerate() {
        let batch = in_order(&renewals, places, |renewal| renewal.id);
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
            .await;
        let rows = rows.map_err(|e| if round > 0 { e.perhaps_done() } else { e })?;
        for row in rows {
            let place: i32 = row.try_get(0).map_err(crate::error::of)?;
            let asked: bool = row.try_get(1).map_err(crate::error::of)?;
            answers[batch[place as usize - 1].0] = if asked { Renewed::CancelAsked } else { Renewed::Held };
        }
        store.bells.ring(Rings { news: !progresses.is_empty(), ..Rings::default() });
    }
    Ok(answers)
}

pub(crate) async fn settle(store: &Postgres, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
    let mut answers = vec![Settled::Done; settlements.len()];
    for (round, places) in rounds(settlements.iter().map(|settlement| settlement.id)).into_iter().enumerate() {
        let lost = settle_distinct(store, &settlements, places).await;
        for place in lost.map_err(|e| if round > 0 { e.perhaps_done() } else { e })? {
            answers[place] = Settled::Lost;
        }
    }
    Ok(answers)
}

/// Settles distinct jobs in one statement, and returns the places of those that are lost.
async fn settle_distinct(
    store: &Postgres,
    settlements: &[Settlement],
    places: Vec<usize>,
) -> Result<Vec<usize>, Error> {
    // Those that end for certain come first; each part in order of id, in which all lock rows.
    let batch = in_order(settlements, places, |settlement| (!is_certain(&settlement.outcome), settlement.id));
    let certain = batch.iter().take_while(|(_, settlement)| is_certain(&settlement.outcome)).count();
    let of = |value: fn(&Settlement) -> i64| batch.iter().map(|(_, settlement)| value(settlement)).collect::<Vec<_>>();
    let outcomes: Vec<i16> = batch.iter().map(|(_, settlement)| number(&settlement.outcome)).collect();
    let (shift, _) = store.settings.clock.shift();
    let rows = store
        .pool
        .rows_of(
            "settle",
            SETTLE,
            &[
                (&(certain as i32), Type::INT4),
                (&batch.iter().map(|(_, settlement)| uuid(settlement.id)).collect::<Vec<_>>(), Type::UUID_ARRAY),
                (&of(|settlement| settlement.token.number as i64), Type::INT8_ARRAY),
                (&of(|settlement| settlement.token.bits as i64), Type::INT8_ARRAY),
                (&outcomes, Type::INT2_ARRAY),
                (&column(&batch, |(_, settlement)| delay(&settlement.outcome)), Type::INT8_ARRAY),
                (&column(&batch, |(_, settlement)| message(&settlement.outcome)), Type::TEXT_ARRAY),
                (&column(&batch, |(_, settlement)| why(&settlement.outcome)), Type::TEXT_ARRAY),
                (&column(&batch, |(_, settlement)| settlement.progress.as_ref().and_then(json)), Type::TEXT_ARRAY),
                (
                    &column(&batch, |(_, settlement)| result(&settlement.outcome).map(|it| clean(it.content_type()))),
                    Type::TEXT_ARRAY,
                ),
                (&column(&batch, |(_, settlement)| inline(result(&settlement.outcome)?)), Type::BYTEA_ARRAY),
                (
                    &column(&batch, |(_, settlement)| artifact(result(&settlement.outcome)?).map(|(claim, _)| claim)),
                    Type::INT8_ARRAY,
                ),
                (
                    &column(&batch, |(_, settlement)| artifact(result(&settlement.outcome)?).map(|(_, bytes)| bytes)),
                    Type::INT8_ARRAY,
                ),
                (&shift, Type::INT8),
                (&store.keep_finished(), Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await;
    let mut lost = Vec::new();
    for row in rows? {
        let place: i32 = row.try_get(0).map_err(crate::error::of)?;
        lost.push(batch[place as usize - 1].0);
    }
    store.bells.ring(Rings { news: true, work: certain < batch.len(), cancels: false });
    Ok(lost)
}

pub(crate) async fn release_worker(store: &Postgres, worker: WorkerSecret, death: Death) -> Result<usize, Error> {
    let worker = Uuid::from_bytes(*worker.id().as_bytes());
    let (shift, _) = store.settings.clock.shift();
    let row = store
        .pool
        .row(
            "SELECT longshore.release_worker($1, $2, $3, $4, $5, $6)",
            &[
                (&worker, Type::UUID),
                (&lock(store, worker), Type::INT8),
                (&(death == Death::Crashed), Type::BOOL),
                (&shift, Type::INT8),
                (&store.keep_finished(), Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await;
    let taken: i64 = row?.try_get(0).map_err(crate::error::of)?;
    store.bells.ring(Rings { news: taken > 0, work: taken > 0, cancels: false });
    Ok(taken as usize)
}

/// Sorts places into rounds in which no job comes twice: a second settle of a job must see what the first has done.
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

/// Returns what is at these places, sorted, each with its place.
fn in_order<T, K: Ord>(items: &[T], places: Vec<usize>, key: impl Fn(&T) -> K) -> Vec<(usize, &T)> {
    let mut batch: Vec<_> = places.into_iter().map(|place| (place, &items[place])).collect();
    batch.sort_by_key(|(_, item)| key(item));
    batch
}

fn json(progress: &Progress) -> Option<String> {
    serde_json::to_string(progress).ok()
}

/// Takes out the one character that PostgreSQL's text cannot hold.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns whether an outcome ends a job, whatever is known of it.
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
        other => unreachable!("an outcome that this store does not know: {other:?}"),
    }
}

fn delay(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Retry { delay, .. } | Outcome::Snooze { delay } => Some(bounded(millis(*delay))),
        _ => None,
    }
}

fn message(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Retry { message, .. } | Outcome::Bury { message, .. } => {
            let message = clean(message);
            Some(cut(&message, limits::FAILURE_BYTES).to_owned())
        }
        _ => None,
    }
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
        _ => None,
    }
}

fn artifact(result: &Stored) -> Option<(i64, i64)> {
    match result {
        Stored::Artifact { name, bytes, .. } => Some((name.claim as i64, *bytes as i64)),
        _ => None,
    }
}

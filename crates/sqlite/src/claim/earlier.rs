//! Answering a repeated claim again.

use longshore_core::{Claim, Claims, Timestamp, Token, millis};
use rusqlite::{OptionalExtension, params};

use super::brief::Brief;
use crate::column::blob;
use crate::tx::Tx;

/// What is known about a worker's newest claim.
pub(super) enum Earlier {
    None,
    Same(Claims),
    Released,
}

/// Returns the jobs that the claim with the same nonce returned, as far as they are still held.
pub(super) fn earlier(tx: &Tx<'_>, claim: &Claim) -> rusqlite::Result<Earlier> {
    let known: Option<(i64, i64, i64, bool)> = tx
        .connection
        .prepare_cached("SELECT nonce, first_claim, last_claim, released FROM worker WHERE id = ?1")?
        .query_row([blob(claim.worker)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    match known {
        Some((.., true)) => Ok(Earlier::Released),
        Some((nonce, first, last, false)) if nonce == claim.nonce.0 as i64 => {
            renew(tx, claim, first, last)?;
            held(tx, claim, first, last).map(Earlier::Same)
        }
        _ => Ok(Earlier::None),
    }
}

/// Starts the leases again, because the first answer may have been lost long ago.
fn renew(tx: &Tx<'_>, claim: &Claim, first: i64, last: i64) -> rusqlite::Result<()> {
    tx.connection
        .prepare_cached(
            "UPDATE job SET lease_boot = ?4, lease_until = ?5, lease_ms = ?6
             WHERE state = 2 AND worker = ?1 AND token_number BETWEEN ?2 AND ?3",
        )?
        .execute(params![
            blob(claim.worker),
            first,
            last,
            tx.boot.boot.to_be_bytes(),
            tx.lease_until(claim.lease),
            millis(claim.lease),
        ])?;
    Ok(())
}

/// Returns the jobs that a worker holds with tokens of these numbers.
fn held(tx: &Tx<'_>, claim: &Claim, first: i64, last: i64) -> rusqlite::Result<Claims> {
    let mut statement = tx.connection.prepare_cached(include_str!("../../sql/claimed.sql"))?;
    let jobs = statement.query_map(params![blob(claim.worker), first, last], |row| {
        let (number, bits): (i64, i64) = (row.get(12)?, row.get(13)?);
        let started_at: Option<i64> = row.get(14)?;
        let (queue, kind): (String, String) = (row.get(15)?, row.get(16)?);
        let corrupt = |_| rusqlite::Error::InvalidQuery;
        let (queue, kind) = (queue.parse().map_err(corrupt)?, kind.parse().map_err(corrupt)?);
        let brief = Brief::read(row)?;
        let token = Token { number: number as u64, bits: bits as u64 };
        let started_at = started_at.map_or(tx.now, Timestamp::from_millis);
        Ok(brief.claimed(tx.now, token, queue, kind, started_at))
    })?;
    let mut claims = Claims::default();
    claims.jobs = jobs.collect::<Result<_, _>>()?;
    Ok(claims)
}

/// Stores the newest claim that returned jobs, so that a repeat is recognised.
pub(super) fn remember(tx: &Tx<'_>, claim: &Claim, claims: &Claims) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (claims.jobs.first(), claims.jobs.last()) else { return Ok(()) };
    tx.connection
        .prepare_cached(
            "INSERT INTO worker (id, nonce, first_claim, last_claim, released, seen) VALUES (?1, ?2, ?3, ?4, 0, ?5)
             ON CONFLICT (id) DO UPDATE SET nonce = ?2, first_claim = ?3, last_claim = ?4, seen = ?5",
        )?
        .execute(params![
            blob(claim.worker),
            claim.nonce.0 as i64,
            first.token.number as i64,
            last.token.number as i64,
            tx.now.as_millis()
        ])?;
    Ok(())
}

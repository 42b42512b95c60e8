//! The walk through all data of a store.

use std::fmt;
use std::time::Duration;

use longshore::{Backend, Error, RepairReport, RepairStep};
use serde::Serialize;

use crate::Exit;
use crate::printer::Printer;

/// How often a step is tried that the store did not answer.
const TRIES: u32 = 5;

/// What a walk through the store has found.
#[derive(Debug, Default)]
pub struct Walked {
    checked: usize,
    repaired: usize,
    left: usize,
    /// What was found, for the JSON document; empty if it is printed as it is found.
    pub findings: Vec<Finding>,
}

/// One thing that was wrong.
#[derive(Debug, Serialize)]
pub struct Finding {
    text: String,
    repaired: bool,
}

/// Walks through the store, and prints what is wrong there as it is found.
///
/// # Errors
///
/// The outer error is one of the output, the inner one is of the store.
pub async fn walk(backend: &Backend, repair: bool, printer: Printer) -> Result<Result<Walked, Error>, Exit> {
    let (mut walked, mut after) = (Walked::default(), None);
    loop {
        let piece = match step(backend, RepairStep::first().write(repair).after(after)).await {
            Ok(piece) => piece,
            Err(e) => return Ok(Err(e)),
        };
        walked.checked += piece.checked;
        for finding in &piece.findings {
            let word = if finding.repaired { "repaired" } else { "wrong" };
            match printer.is_json() {
                true => {
                    walked.findings.push(Finding { text: finding.to_string(), repaired: finding.repaired });
                }
                false => printer.line(format_args!("{word:<8} {finding}"))?,
            }
        }
        let repaired = piece.findings.iter().filter(|finding| finding.repaired).count();
        walked.repaired += repaired;
        walked.left += piece.findings.len() - repaired;
        after = piece.next;
        if after.is_none() {
            return Ok(Ok(walked));
        }
    }
}

/// Does a step, which is harmless to repeat.
async fn step(backend: &Backend, step: RepairStep) -> Result<RepairReport, Error> {
    let mut tries = 1;
    loop {
        match backend.repair(step.clone()).await {
            Err(e) if e.is_retryable() && tries < TRIES => tokio::time::sleep(Duration::from_secs(1)).await,
            done => return done,
        }
        tries += 1;
    }
}

impl Walked {
    /// Says what is left to do, where there is anything.
    pub fn problem(&self, repair: bool) -> Option<String> {
        let things = if self.left == 1 { "thing is" } else { "things are" };
        match (self.left, repair) {
            (0, _) => None,
            (left, false) => Some(format!(
                "store: {left} {things} wrong in it, see above: `longshore check --repair` repairs what can be repaired"
            )),
            (left, true) => Some(format!("store: {left} {things} still wrong in it, see above")),
        }
    }
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Walked { checked, repaired, left, .. } = self;
        write!(f, "{checked} entries checked: {} found, {repaired} repaired", repaired + left)
    }
}

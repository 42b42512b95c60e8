//! A look for contradictions: there are none, since nobody else can reach this memory; but what holds of it is said and tested here.

use async_trait::async_trait;

use super::{Memory, Tables};
use crate::state::gives_key_back;
use crate::store::Repair;
use crate::{Error, Finding, RepairCursor, RepairReport, RepairStep};

#[async_trait]
impl Repair for Memory {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        let tables = &mut *self.tables();
        let after = match &step.after {
            None => i64::MIN,
            Some(cursor) => cursor.0.parse().map_err(|_| cursor.unknown())?,
        };
        let seqs: Vec<i64> =
            tables.rows.range(after..).map(|(seq, _)| *seq).filter(|seq| *seq > after).take(step.limit).collect();
        let mut findings: Vec<Finding> = seqs.iter().filter_map(|seq| tables.mend_row(*seq, step.write)).collect();
        let next = seqs.last().filter(|_| seqs.len() == step.limit).map(|last| RepairCursor(last.to_string()));
        if next.is_none() {
            findings.extend(tables.mend_keys(step.write));
        }
        Ok(RepairReport::new(findings, seqs.len(), next))
    }
}

impl Tables {
    /// Sees to it that a job is found by its id.
    fn mend_row(&mut self, seq: i64, write: bool) -> Option<Finding> {
        let job = &self.rows[&seq].job;
        if self.by_id.get(&job.id) == Some(&seq) {
            return None;
        }
        if write {
            self.by_id.insert(job.id, seq);
        }
        let finding = Finding::new("it is not found by its id").queue(Some(job.queue.clone())).job(Some(job.id));
        Some(finding.repaired(write))
    }

    /// Takes unique keys from jobs that are gone or have given them back.
    fn mend_keys(&mut self, write: bool) -> Vec<Finding> {
        let rows = &self.rows;
        let mut findings = Vec::new();
        self.unique.retain(|(queue, key), holder| {
            let unique = rows.get(&holder.seq).and_then(|row| Some((row.unique.as_ref()?, row.job.state)));
            let held = unique.is_some_and(|(unique, state)| unique.key == *key && !gives_key_back(unique.scope, state));
            if !held {
                let what = format!("the unique key `{key}` is held by a job that cannot hold it");
                findings.push(Finding::new(what).queue(Some(queue.clone())).repaired(write));
            }
            held || !write
        });
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Jobs;
    use crate::{NewJob, Payload, QueueName, Unique, UniqueScope};

    #[tokio::test]
    async fn what_cannot_be_is_found_and_mended() {
        let store = Memory::default();
        let mut new = NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("1").unwrap());
        new.unique = Some(Unique { key: "k".parse().unwrap(), scope: UniqueScope::UntilFinished });
        let id = new.id;
        let _ = store.push(vec![new]).await;
        assert_eq!(store.repair(RepairStep::first()).await.unwrap(), RepairReport::new(Vec::new(), 1, None));

        let key = {
            let mut tables = store.tables();
            tables.by_id.clear();
            let key = (QueueName::default(), "other".parse().unwrap());
            let holder = super::super::unique::Holder { seq: 99, until: None };
            tables.unique.insert(key.clone(), holder);
            key
        };
        let found = store.repair(RepairStep::first()).await.unwrap().findings;
        assert_eq!(found.iter().map(|finding| finding.repaired).collect::<Vec<_>>(), [false, false]);
        assert_eq!(found[0].job, Some(id));
        let repaired = store.repair(RepairStep::first().write(true)).await.unwrap().findings;
        assert!(repaired.len() == 2 && repaired.iter().all(|finding| finding.repaired), "{repaired:?}");
        assert_eq!(store.repair(RepairStep::first()).await.unwrap().findings, []);
        assert!(store.tables().row(id).is_some() && !store.tables().unique.contains_key(&key));
    }
}

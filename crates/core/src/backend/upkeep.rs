//! Upkeep with the artifacts: what the store deletes has no artifact afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Backend;
use crate::upkeep::Running;
use crate::{
    ArtifactName, Error, ErrorKind, JobId, RepairStep, Repaired, Snapshot, Stored, Upkeep, UpkeepFailure, UpkeepReport,
    limits,
};

/// The part of upkeep that deletes the artifacts of deleted jobs.
const DELETE_ARTIFACTS: &str = "delete artifacts";
/// For how long a process is elected; it calls again within that time, and where it does not, another takes its place soon enough to rescue in time.
const ELECTED_FOR: Duration = Duration::from_secs(10);
/// A deletion that fails after so long was not answered.
const SLOW_FAILURE: Duration = Duration::from_secs(1);

impl Backend {
    /// Does a bounded piece of upkeep, artifacts included; says whether there is more to do, and which parts failed.
    ///
    /// Nobody's job is rescued before the store has been reachable again for a whole lease. A part that failed is no outage of the
    /// store: rescues go on.
    ///
    /// # Errors
    ///
    /// If the store could do no part.
    pub async fn upkeep(&self) -> Result<UpkeepReport, Error> {
        self.do_upkeep(Duration::ZERO).await
    }

    /// Does the same as one of many processes: where the store elects one of them, the others do nothing.
    pub(crate) async fn upkeep_if_elected(&self) -> Result<UpkeepReport, Error> {
        self.do_upkeep(ELECTED_FOR).await
    }

    async fn do_upkeep(&self, elected_for: Duration) -> Result<UpkeepReport, Error> {
        let rescue = self.outage().may_rescue();
        // Who may not rescue leaves the election to those who may.
        let elected_for = if rescue { elected_for } else { Duration::ZERO };
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, rescue).elected_for(elected_for);
        let mut kept = self.run("do upkeep", |store| async move { store.upkeep(upkeep).await }).await?;
        self.tell_rescued(&kept.rescued);
        self.tell_buried(&kept.buried);
        if let Err(e) = self.delete_artifacts(&kept.artifacts).await {
            kept.failed.push(UpkeepFailure::new(DELETE_ARTIFACTS, e));
        }
        Ok(kept)
    }

    /// Deletes artifacts. One that cannot be deleted stops no other; the sweep for orphans comes back to it.
    async fn delete_artifacts(&self, names: &[ArtifactName]) -> Result<(), Error> {
        let (mut failed, mut first) = (0, None);
        for name in names {
            let began = Instant::now();
            let Err(e) = self.inner.artifacts.delete(*name).await else { continue };
            failed += 1;
            first.get_or_insert_with(|| e.context(format!("delete artifact {name}")));
            if began.elapsed() >= SLOW_FAILURE {
                break; // the others would fail as slowly, and hold up the next rescue
            }
        }
        match first {
            None => Ok(()),
            Some(e) if failed == 1 => Err(e),
            Some(e) => Err(e.context(format!("{failed} of {} artifacts cannot be deleted", names.len()))),
        }
    }

    /// Looks at a piece of the store for what other programs have changed, at most 500 rows; see [`Repair`](crate::Repair).
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Error, RepairStep};
    /// async fn check(backend: &Backend) -> Result<(), Error> {
    ///     let mut after = None;
    ///     loop {
    ///         let piece = backend.repair(RepairStep::first().after(after)).await?;
    ///         piece.findings.iter().for_each(|finding| println!("{finding}"));
    ///         after = piece.next;
    ///         if after.is_none() {
    ///             return Ok(());
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn repair(&self, step: RepairStep) -> Result<Repaired, Error> {
        let step = RepairStep { limit: step.limit.clamp(1, limits::UPKEEP_ROWS), ..step };
        self.run("look through the store", |store| async move { store.repair(step).await }).await
    }

    /// Starts doing upkeep by itself for as long as the answer is held; workers and servers of a process share one task.
    pub fn keep_up(&self) -> Arc<Running> {
        self.inner.upkeep.start(|| self.clone())
    }

    /// Rescues nobody for as long as live workers need to renew: at the start, when nothing is known of what went before, and
    /// after this process stood still.
    pub(crate) fn bear_with_others(&self) {
        self.outage().begin_anew();
    }

    /// Deletes artifacts that no job points at: those of attempts that died, or were settled by another. Looks at up to 500,
    /// going on after `after`; returns where to go on, `None` at the end.
    pub async fn sweep_artifacts(&self, after: Option<ArtifactName>) -> Result<Option<ArtifactName>, Error> {
        let names = self.inner.artifacts.older_than(limits::ORPHAN_AGE, after, limits::UPKEEP_ROWS).await?;
        let jobs = self.get(names.iter().map(|name| name.job).collect()).await?;
        let is_orphan = |name: &ArtifactName, job: Option<Snapshot>| {
            let running = job.as_ref().is_some_and(|job| !job.state.is_final());
            let result = job.and_then(|job| job.result);
            let used = matches!(&result, Some(Stored::Artifact { name: used, .. }) if used == name);
            !used && !running
        };
        let orphans: Vec<ArtifactName> =
            names.iter().zip(jobs).filter_map(|(name, job)| is_orphan(name, job).then_some(*name)).collect();
        if let Err(e) = self.delete_artifacts(&orphans).await {
            tracing::warn!(error = %e, "cannot delete orphaned artifacts; the next sweep tries again");
        }
        Ok(names.last().copied().filter(|_| names.len() == limits::UPKEEP_ROWS))
    }

    /// Deletes a job whose time is over, with its artifact, and whatever is due before it.
    ///
    /// Nobody but upkeep deletes; the job is at the end of a line of others whose time is over.
    pub(super) async fn delete_now(&self, id: JobId) -> Result<(), Error> {
        loop {
            let kept = self.upkeep().await?;
            let is_gone = self.job(id).await?.is_none();
            let failure = kept.failed.into_iter().find(|failure| !is_gone || failure.part == DELETE_ARTIFACTS);
            if let Some(failure) = failure {
                let error = Error::new(ErrorKind::Unavailable, failure.to_string()).perhaps_done();
                return Err(error.context(format!("delete job {id}")));
            }
            if is_gone || !kept.more {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{InMemory, Reader, Source};
    use crate::{
        Artifacts, Claim, Kind, Memory, NewJob, Outcome, Output, Payload, QueueName, Settings, Settled, Settlement,
        WorkerSecret,
    };

    /// Artifacts in memory that cannot be deleted where their job's id is the first of two.
    struct Undeletable(InMemory, JobId);

    #[async_trait::async_trait]
    impl Artifacts for Undeletable {
        async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
            self.0.write(name, source).await
        }

        async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
            self.0.open(name).await
        }

        async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
            if name.job == self.1 {
                return Err(Error::new(ErrorKind::Unavailable, "permission denied"));
            }
            self.0.delete(name).await
        }

        async fn older_than(
            &self,
            _age: Duration,
            after: Option<ArtifactName>,
            limit: usize,
        ) -> Result<Vec<ArtifactName>, Error> {
            self.0.older_than(Duration::ZERO, after, limit).await
        }
    }

    #[tokio::test]
    async fn artifact_that_cannot_be_deleted_stops_no_other_and_no_rescue() {
        let settings = Settings { keep_finished: Duration::ZERO, ..Settings::default() };
        let jobs =
            [(); 2].map(|()| NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("1").unwrap()));
        let [stays, goes] = [jobs[0].id, jobs[1].id].map(|job| ArtifactName { job, claim: 1 });
        let artifacts = Arc::new(Undeletable(InMemory::default(), stays.job));
        let backend = Backend::new(Arc::new(Memory::new(settings)), artifacts.clone());
        assert_eq!(backend.push(jobs.to_vec()).await.unwrap().len(), 2);
        let work = "work".parse::<Kind>().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec![QueueName::default()], vec![work.into()]);
        let claim = claim.limit(2);
        for job in backend.claim(claim).await.unwrap().jobs {
            let name = ArtifactName { job: job.id, claim: 1 };
            let result = backend.keep(name, Output::new("image/png", vec![0xff; 10])).await.unwrap();
            let outcome = Outcome::Succeed { result: Some(result) };
            let settlement = Settlement::new(job.id, job.token, outcome);
            assert_eq!(*backend.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);
        }
        let kept = backend.upkeep().await.unwrap();
        assert_eq!((kept.pruned, kept.artifacts.len()), (2, 2));
        assert_eq!(kept.failed.iter().map(|failure| failure.part).collect::<Vec<_>>(), [DELETE_ARTIFACTS]);
        assert!(kept.failed[0].message.contains("permission denied"), "{}", kept.failed[0]);
        assert!(artifacts.get(goes).await.unwrap().is_none() && artifacts.get(stays).await.unwrap().is_some());
        assert!(backend.outage().may_rescue(), "a part that fails is no outage");

        artifacts.put(goes, bytes::Bytes::new()).await.unwrap();
        assert_eq!(backend.sweep_artifacts(None).await.unwrap(), None);
        assert!(artifacts.get(goes).await.unwrap().is_none(), "the sweep deletes the others, too");
    }
}

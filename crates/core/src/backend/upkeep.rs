//! Upkeep with artifacts: the artifacts of jobs that the store deleted are deleted too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Backend;
use crate::upkeep::Running;
use crate::{
    ArtifactName, Error, ErrorKind, JobId, RepairReport, RepairStep, Snapshot, Stored, Upkeep, UpkeepFailure,
    UpkeepReport, limits,
};

/// The name of the part of upkeep that deletes the artifacts of deleted jobs.
const DELETE_ARTIFACTS: &str = "delete artifacts";
/// How long a process is elected. It calls again within that time. If it does not, another process takes over early
/// enough to rescue in time.
const ELECTED_FOR: Duration = Duration::from_secs(10);
/// A failed deletion that took this long got no answer.
const SLOW_FAILURE: Duration = Duration::from_secs(1);

impl Backend {
    /// Does a limited amount of upkeep, including artifacts. Returns whether there is more to do, and which parts
    /// failed.
    ///
    /// No job is rescued before the store has been reachable again for a whole lease. A failed part does not count as
    /// an outage: rescues continue.
    ///
    /// # Errors
    ///
    /// Returns an error if the store could not do any part.
    pub async fn upkeep(&self) -> Result<UpkeepReport, Error> {
        self.do_upkeep(Duration::ZERO).await
    }

    /// Does the same, but if the store elects one of many processes, the calls of the others do nothing.
    pub(crate) async fn upkeep_if_elected(&self) -> Result<UpkeepReport, Error> {
        self.do_upkeep(ELECTED_FOR).await
    }

    async fn do_upkeep(&self, elected_for: Duration) -> Result<UpkeepReport, Error> {
        let rescue = self.outage().may_rescue();
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, rescue).elected_for(elected_for);
        let mut kept = self.run("do upkeep", |store| async move { store.upkeep(upkeep).await }).await?;
        self.report_rescued(&kept.rescued);
        self.report_buried(&kept.buried);
        if let Err(e) = self.delete_artifacts(&kept.artifacts).await {
            kept.failed.push(UpkeepFailure::new(DELETE_ARTIFACTS, e));
        }
        Ok(kept)
    }

    /// Deletes artifacts. A failure does not stop the others; the search for orphans deletes the artifact later.
    async fn delete_artifacts(&self, names: &[ArtifactName]) -> Result<(), Error> {
        let (mut failed, mut first) = (0, None);
        for name in names {
            let began = Instant::now();
            let Err(e) = self.inner.artifacts.delete(*name).await else { continue };
            failed += 1;
            first.get_or_insert_with(|| e.context(format!("delete artifact {name}")));
            if began.elapsed() >= SLOW_FAILURE {
                break; // the others would fail as slowly and delay the next rescue
            }
        }
        match first {
            None => Ok(()),
            Some(e) if failed == 1 => Err(e),
            Some(e) => Err(e.context(format!("{failed} of {} artifacts cannot be deleted", names.len()))),
        }
    }

    /// Checks a part of the data of the store, at most 500 rows; see [`Repair`](crate::Repair).
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Error, RepairStep};
    /// async fn check(backend: &Backend) -> Result<(), Error> {
    ///     let mut after = None;
    ///     loop {
    ///         let report = backend.repair(RepairStep::first().after(after)).await?;
    ///         report.findings.iter().for_each(|finding| println!("{finding}"));
    ///         after = report.next;
    ///         if after.is_none() {
    ///             return Ok(());
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        let step = RepairStep { limit: step.limit.clamp(1, limits::UPKEEP_ROWS), ..step };
        self.run("check the data of the store", |store| async move { store.repair(step).await }).await
    }

    /// Starts regular upkeep, which runs while the returned value is held. All workers and servers of a process share
    /// one task.
    pub fn start_upkeep(&self) -> Arc<Running> {
        self.inner.upkeep.start(|| self.clone())
    }

    /// Delays rescues until live workers have had time to renew: at the start, when nothing is known about the time
    /// before, and after this process was suspended.
    pub(crate) fn delay_rescues(&self) {
        self.outage().delay_rescues();
    }

    /// Deletes artifacts without a job: their attempts died, or another attempt settled the job.
    ///
    /// Checks up to 500 artifacts, starting after `after`. Returns where to continue, or `None` at the end.
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
            tracing::warn!(error = %e, "cannot delete orphaned artifacts; the next search tries again");
        }
        Ok(names.last().copied().filter(|_| names.len() == limits::UPKEEP_ROWS))
    }

    /// Deletes a job whose retention period has ended, with its artifact, and all jobs that are due before it.
    ///
    /// Only upkeep deletes jobs, so this calls upkeep until the job is gone.
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

    /// Artifacts in memory. Deleting the artifact of this job fails.
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

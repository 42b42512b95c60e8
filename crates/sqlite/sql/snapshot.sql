-- Reads the complete record of one job.
-- In:  1 seq
-- Out: see Snapshot in read.rs
SELECT job.id, queue.name AS queue, kind.name AS kind, state, rank, run_at, created_at, attempt, crashes, interruptions,
       outages, cancel_asked, version, coalesce(granted_attempts, asked_attempts) AS max_attempts,
       coalesce(granted_timeout_ms, asked_timeout_ms) AS timeout_ms,
       coalesce(payload, (SELECT text FROM job_payload AS large WHERE large.seq = job.seq)) AS payload,
       deadline, key, tags, alias, unique_key, reuse_key, worker, started_at, finished_at, progress, reason, result_type,
       result, artifact, artifact_bytes
FROM job JOIN queue ON queue.id = job.queue JOIN kind ON kind.id = job.kind
WHERE seq = ?1

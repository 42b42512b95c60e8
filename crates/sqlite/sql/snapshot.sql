-- Reads everything about one job.
-- In:  1 seq
-- Out: see Snapshot in read.rs
SELECT job.id, queue.name AS queue, kind.name AS kind, state, rank, run_at, created_at, attempt, max_attempts, crashes,
       interruptions, cancel_asked, version, timeout_ms, payload, deadline, key, tags, alias, unique_key, reuse_key, worker,
       started_at, finished_at, progress, reason, result_type, result, artifact, artifact_bytes
FROM job JOIN queue ON queue.id = job.queue JOIN kind ON kind.id = job.kind
WHERE seq = ?1

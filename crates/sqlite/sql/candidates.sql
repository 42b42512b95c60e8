-- Reads the data that a worker needs to run candidate jobs.
-- In:  1 their seqs, a JSON array
-- Out: see Brief in claim/brief.rs, then seq, unique_scope, deadline; in the order of the array
SELECT job.id, coalesce(payload, (SELECT text FROM job_payload AS large WHERE large.seq = job.seq)), attempt, crashes, outages,
       outage_since, job.key, run_at, asked_attempts, asked_timeout_ms, granted_attempts, granted_timeout_ms,
       job.seq, unique_scope, deadline
FROM json_each(?1) AS wanted CROSS JOIN job ON job.seq = wanted.value

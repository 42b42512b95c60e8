-- Finds the jobs of one claim that a worker still holds, to answer a repeat of a claim whose answer was lost.
-- In:  1 worker  2 first token  3 last token
-- Out: see Brief in claim/brief.rs, then token_number, token_bits, started_at, queue name, kind name
SELECT job.id, coalesce(payload, (SELECT text FROM job_payload AS large WHERE large.seq = job.seq)), attempt, crashes, outages,
       outage_since, job.key, run_at, asked_attempts, asked_timeout_ms, granted_attempts, granted_timeout_ms,
       token_number, token_bits, started_at, queue.name, kind.name
FROM job JOIN queue ON queue.id = job.queue JOIN kind ON kind.id = job.kind
WHERE state = 2 AND worker = ?1 AND token_number BETWEEN ?2 AND ?3
ORDER BY token_number

-- Reads what a worker needs of the jobs it may get.
-- In:  1 their seqs, a JSON array
-- Out: id, payload, attempt, max_attempts, crashes, timeout_ms, seq, unique_scope, deadline; in the order of the array
SELECT job.id, payload, attempt, max_attempts, crashes, timeout_ms, seq, unique_scope, deadline
FROM json_each(?1) AS wanted CROSS JOIN job ON job.seq = wanted.value

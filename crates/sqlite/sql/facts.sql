-- Reads what is needed to move a job.
-- In:  1 seq
-- Out: see Facts in facts.rs
SELECT seq, queue, state, attempt, max_attempts, crashes, interruptions, cancel_asked, token_number, token_bits,
       settled_number, settled_bits, unique_key, unique_scope, reuse_ms, worker
FROM job WHERE seq = ?1

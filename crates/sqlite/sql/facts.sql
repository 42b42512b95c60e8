-- Reads the data that is needed to move a job.
-- In:  1 seq
-- Out: see Found in moves.rs
SELECT seq, queue, job.kind, job.key, state, attempt, crashes, interruptions, outages, cancel_asked, token_number, token_bits,
       settled_number, settled_bits, unique_key, unique_scope, reuse_ms, worker, id
FROM job WHERE seq = ?1

-- Reads the data that is needed to settle jobs.
-- In:  1 their ids, a JSON array of hexadecimal texts
-- Out: see Found in moves.rs, then the place in the array
SELECT seq, queue, job.kind, job.key, state, attempt, crashes, interruptions, outages, cancel_asked, token_number, token_bits,
       settled_number, settled_bits, unique_key, unique_scope, reuse_ms, worker, job.id, wanted.key
FROM json_each(?1) AS wanted CROSS JOIN job ON job.id = unhex(wanted.value)

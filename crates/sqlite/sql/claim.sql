-- Claims ready jobs for a worker, all in one statement: opening the many partial indexes costs more than moving a row.
-- In:  1 their seqs, a JSON array  2 worker  3 token_number of the first, counting up in the order of the array  4 token_bits
--      5 lease_boot  6 lease_until  7 now  8 the lease's length in ms
UPDATE job SET state = 2, attempt = attempt + 1, worker = ?2, token_number = ?3 + chosen.key, token_bits = ?4,
               lease_boot = ?5, lease_until = ?6, lease_ms = ?8, started_at = ?7, progress = NULL, version = version + 1
FROM json_each(?1) AS chosen WHERE job.seq = chosen.value

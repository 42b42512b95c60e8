-- Settles jobs that succeeded and hold no unique key, all in one statement. The same move as move.sql would write.
-- In:  1 their seqs, a JSON array  2 now  3 how long a finished job is kept, in milliseconds
UPDATE job SET state = 3, reason = NULL, finished_at = ?2, keep_until = ?2 + max(?3, coalesce(reuse_ms, 0)),
               settled_number = token_number, settled_bits = token_bits, token_number = NULL, token_bits = NULL,
               lease_boot = NULL, lease_until = NULL, version = version + 1
FROM json_each(?1) AS succeeded WHERE job.seq = succeeded.value

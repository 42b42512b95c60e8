-- Settles jobs that succeeded and hold no unique key, all in one statement. It writes the same transition as move.sql.
-- In:  1 a JSON array of [seq, media type of the result, its first byte in 4 counted from 1, its length], or [seq] without a result
--      2 now  3 how long a finished job is kept, in milliseconds  4 the results, one after the other
UPDATE job SET state = 3, reason = NULL, finished_at = ?2, keep_until = ?2 + min(max(?3, coalesce(reuse_ms, 0)), 9223372036854775807 - ?2),
               settled_number = token_number, settled_bits = token_bits, token_number = NULL, token_bits = NULL,
               lease_boot = NULL, lease_until = NULL, version = version + 1,
               result_type = succeeded.value ->> 1, result = substr(?4, succeeded.value ->> 2, succeeded.value ->> 3)
FROM json_each(?1) AS succeeded WHERE job.seq = succeeded.value ->> 0

-- Does the same as claim.sql, if some jobs are granted other limits than those in their rows.
-- In:  1 a JSON array of [seq, attempts, time-out in ms], all else as in claim.sql
UPDATE job SET state = 2, attempt = attempt + 1, worker = ?2, token_number = ?3 + chosen.key, token_bits = ?4,
               lease_boot = ?5, lease_until = ?6, lease_ms = ?8, started_at = ?7, progress = NULL, version = version + 1,
               granted_attempts = chosen.value ->> 1, granted_timeout_ms = chosen.value ->> 2
FROM json_each(?1) AS chosen WHERE job.seq = chosen.value ->> 0

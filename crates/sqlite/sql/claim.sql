-- Hands a ready job to a worker.
-- In:  1 seq  2 worker  3 token_number  4 token_bits  5 lease_boot  6 lease_until  7 now
-- Out: id, payload, attempt, max_attempts, crashes, timeout_ms, unique_scope
UPDATE job SET state = 2, attempt = attempt + 1, worker = ?2, token_number = ?3, token_bits = ?4, lease_boot = ?5,
               lease_until = ?6, started_at = ?7, progress = NULL, version = version + 1
WHERE seq = ?1 AND state = 1
RETURNING id, payload, attempt, max_attempts, crashes, timeout_ms, unique_scope

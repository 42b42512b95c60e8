-- Extends a lease, but only if the token is the job's newest.
-- In:  1 id  2 token_number  3 token_bits  4 lease_boot  5 lease_until  6 progress or NULL
--      7 the lease's length in ms
-- Out: cancel_asked; no row where the claim is lost
UPDATE job SET lease_boot = ?4, lease_until = ?5, lease_ms = ?7, progress = coalesce(?6, progress),
               version = version + (?6 IS NOT NULL)
WHERE id = ?1 AND state = 2 AND token_number = ?2 AND token_bits = ?3
RETURNING cancel_asked

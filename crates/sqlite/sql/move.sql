-- Writes a transition of a job.
-- In:  1 seq  2 state  3 attempt  4 crashes  5 interruptions  6 cancel_asked  7 reason  8 run_at or NULL  9 finished_at
--      10 keep_until  11 settled_number  12 settled_bits (NULL: as before)  13 progress (NULL: as before)  14 outages  15 now
-- A job that is not running has no token and no lease; one that is keeps both. A row of outages began when its first ended.
UPDATE job SET state = ?2, attempt = ?3, crashes = ?4, interruptions = ?5, cancel_asked = ?6, reason = ?7,
               run_at = coalesce(?8, run_at), finished_at = ?9, keep_until = ?10,
               settled_number = coalesce(?11, settled_number), settled_bits = coalesce(?12, settled_bits),
               progress = coalesce(?13, progress), version = version + 1, outages = ?14,
               outage_since = iif(?14 = 0, NULL, iif(outages = 0, ?15, outage_since)),
               token_number = iif(?2 = 2, token_number, NULL), token_bits = iif(?2 = 2, token_bits, NULL),
               lease_boot = iif(?2 = 2, lease_boot, NULL), lease_until = iif(?2 = 2, lease_until, NULL)
WHERE seq = ?1

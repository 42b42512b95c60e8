-- Finds running jobs whose lease has ended: its time has passed, it is from before a reboot, or it is longer than any
-- lease.
-- In:  1 boot  2 now, since boot  3 the farthest a lease can end, since boot  4 limit
--      5 the newest level of rules that the caller knows: jobs of queues with newer ones are left alone
-- Out: seq, whether the machine was rebooted, when the lease ends, its length in ms or NULL
SELECT seq, lease_boot <> ?1, lease_until, lease_ms FROM job INDEXED BY job_running
WHERE state = 2 AND (lease_until <= ?2 OR lease_until > ?3 OR lease_boot <> ?1)
  AND coalesce((SELECT rules_level FROM queue WHERE queue.id = job.queue), 0) <= ?5
LIMIT ?4

-- The number of jobs of each queue in each state.

-- Records state changes. Every code path that moves jobs from one state to another calls this, and all counts depend on
-- it.
-- In:  one array per column: queue, kind and key of some jobs, their old state (NULL: they are new), their new state
--      (NULL: they are deleted), their number
CREATE FUNCTION longshore.moved(
    p_queues text[], p_kinds text[], p_keys text[], p_from smallint[], p_to smallint[], p_n bigint[]
) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
BEGIN
    INSERT INTO longshore.count_change (queue, scheduled, ready, running, succeeded, dead, cancelled)
    SELECT m.queue,
           sum(CASE 0 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 1 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 2 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 3 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 4 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 5 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END)
    FROM (SELECT u.queue, u.was, u.becomes, u.n::integer AS n -- a sum of bigint would be numeric
          FROM unnest(p_queues, p_kinds, p_keys, p_from, p_to, p_n) AS u (queue, kind, key, was, becomes, n)) m
    WHERE m.was IS DISTINCT FROM m.becomes
    GROUP BY m.queue;
    RETURN true;
END $$;

-- Adds up the changes of counts, and records which queues were pushed to. Only one process does it at a time, and the
-- others do not wait.
-- In:  the number of the lock; how far tests moved the wall clock
-- Out: whether there is more to do
CREATE FUNCTION longshore.fold_counts(p_lock bigint, p_shift bigint, OUT more boolean)
LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
BEGIN
    more := false;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    WITH gone AS (
        DELETE FROM longshore.count_change c WHERE c.ctid = ANY (ARRAY(SELECT c.ctid FROM longshore.count_change c LIMIT 20000))
        RETURNING c.*
    ), sums AS (
        SELECT queue, sum(scheduled) AS scheduled, sum(ready) AS ready, sum(running) AS running, sum(succeeded) AS succeeded,
               sum(dead) AS dead, sum(cancelled) AS cancelled, count(*) AS changes,
               CASE WHEN bool_or(scheduled + ready + running + succeeded + dead + cancelled > 0) -- there were pushes
                    THEN longshore.clock() + p_shift ELSE 0 END AS used_at
        FROM gone GROUP BY queue
    ), folded AS (
        INSERT INTO longshore.queue AS q (name, scheduled, ready, running, succeeded, dead, cancelled, used_at)
        SELECT queue, scheduled, ready, running, succeeded, dead, cancelled, used_at FROM sums ORDER BY queue
        ON CONFLICT (name) DO UPDATE
        SET scheduled = q.scheduled + excluded.scheduled, ready = q.ready + excluded.ready, running = q.running + excluded.running,
            succeeded = q.succeeded + excluded.succeeded, dead = q.dead + excluded.dead,
            cancelled = q.cancelled + excluded.cancelled, used_at = greatest(q.used_at, excluded.used_at)
    )
    SELECT coalesce(sum(changes), 0) >= 20000 INTO more FROM sums;
END $$;

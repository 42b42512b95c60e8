-- Rescues jobs whose lease is over: past its end, or farther ahead than a lease can end.
-- In:  most jobs; the moment after which this comes too late, because something held it up; the longest a lease can be; how far tests
--      moved the clocks; retention
-- Out: how many; NULL where it came too late
CREATE FUNCTION longshore.rescue(
    p_limit integer, p_good_until bigint, p_longest bigint, p_shift bigint, p_lease_shift bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS bigint LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_clock bigint := longshore.clock();
    v_lease bigint := v_clock + p_lease_shift;
    v_lost  uuid[];
BEGIN
    IF v_clock > p_good_until THEN RETURN NULL; END IF;
    v_lost := ARRAY(
        SELECT l.id FROM (
            (SELECT j.id FROM longshore.running j WHERE j.lease_until <= v_lease ORDER BY j.lease_until LIMIT p_limit)
            UNION ALL
            (SELECT j.id FROM longshore.running j WHERE j.lease_until > v_lease + p_longest LIMIT p_limit)
            LIMIT p_limit
        ) l ORDER BY l.id);
    RETURN longshore.lose(v_lost, NULL, ARRAY[v_lease, v_lease + p_longest], true, v_clock + p_shift, p_keep_finished, p_keep_dead);
END $$;

-- Buries waiting jobs whose deadline has passed.
-- In:  most jobs; now; how long dead jobs are kept
-- Out: how many
CREATE FUNCTION longshore.bury_late(p_limit integer, p_now bigint, p_keep_dead bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN longshore.bury(ARRAY(
        SELECT late.id FROM (
            SELECT j.id FROM longshore.waiting j WHERE j.deadline <= p_now
            ORDER BY j.deadline LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) late ORDER BY late.id), 'expired', p_now, p_keep_dead);
END $$;

-- Buries jobs that this transaction has locked.
CREATE FUNCTION longshore.bury(p_ids uuid[], p_why text, p_now bigint, p_keep_dead bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM longshore.happen(
        p_ids, NULL, NULL, array_fill(12::smallint, ARRAY[cardinality(p_ids)]), NULL, NULL,
        array_fill(p_why, ARRAY[cardinality(p_ids)]), NULL, p_now, 0, p_keep_dead));
END $$;

-- Buries jobs whose deadline has passed, and ready ones that have waited a day for a worker who knows their kind, in queues that
-- had workers all that time.
-- In:  most jobs of each sort; where the last call stopped looking at kinds, or NULL; how far tests moved the wall clock; how long
--      dead jobs are kept
-- Out: how many of each sort; where this call stopped, NULL at the end
CREATE FUNCTION longshore.bury_waiting(
    p_limit integer, p_after text[], p_shift bigint, p_keep_dead bigint, OUT late bigint, OUT unknown bigint, OUT after text[]
) LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now    bigint := longshore.clock() + p_shift;
    v_day    bigint := v_now - 86400000;
    v_found  uuid[] := '{}';
    v_place  record;
    v_queue  longshore.queue;
    v_rank   smallint;
BEGIN
    late := longshore.bury_late(p_limit, v_now, p_keep_dead);
    after := p_after;
    -- From one pair of queue and kind that has ready jobs to the next, by one seek each; many take turns.
    FOR n IN 1..200 LOOP
        SELECT j.queue, j.crashes / 2 AS alone, j.kind INTO v_place FROM longshore.waiting j
        WHERE j.state = 1 AND (j.queue, j.crashes / 2, j.kind) > (coalesce(after[1], ''), coalesce(after[2]::integer, 0), coalesce(after[3], ''))
        ORDER BY j.queue, j.crashes / 2, j.kind LIMIT 1;
        after := CASE WHEN FOUND THEN ARRAY[v_place.queue, v_place.alone::text, v_place.kind] END;
        EXIT WHEN after IS NULL;
        SELECT * INTO v_queue FROM longshore.queue q WHERE q.name = v_place.queue;
        CONTINUE WHEN v_queue.workers_seen IS NULL OR v_queue.workers_seen <= v_now - 3600000 OR v_queue.workers_since >= v_day
            OR EXISTS (SELECT 1 FROM longshore.kind k WHERE k.name = v_place.kind AND k.seen >= v_day);
        v_rank := -32768;
        LOOP -- from one priority in use to the next
            v_rank := (SELECT min(r.rank) FROM (
                SELECT j.rank FROM longshore.waiting j
                WHERE j.state = 1 AND j.queue = v_place.queue AND j.crashes / 2 = v_place.alone AND j.kind = v_place.kind AND j.rank > v_rank
                ORDER BY j.rank LIMIT 1) r);
            EXIT WHEN v_rank IS NULL;
            v_found := v_found || ARRAY(
                SELECT j.id FROM longshore.waiting j
                WHERE j.state = 1 AND j.queue = v_place.queue AND j.crashes / 2 = v_place.alone AND j.kind = v_place.kind
                  AND j.rank = v_rank AND j.run_at < v_day
                ORDER BY j.run_at LIMIT p_limit - cardinality(v_found) FOR UPDATE SKIP LOCKED);
        END LOOP;
        EXIT WHEN cardinality(v_found) >= p_limit;
    END LOOP;
    unknown := longshore.bury(ARRAY(SELECT f FROM unnest(v_found) AS f ORDER BY f), 'unknown_kind', v_now, p_keep_dead);
END $$;

-- Deletes finished jobs whose time is over.
-- In:  most jobs; how far tests moved the wall clock
-- Out: the jobs, and the claims that made their artifacts
CREATE FUNCTION longshore.prune(p_limit integer, p_shift bigint) RETURNS TABLE (job uuid, artifact bigint) LANGUAGE plpgsql /* steady */ AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := longshore.clock() + p_shift;
BEGIN
    RETURN QUERY
    WITH old AS MATERIALIZED (
        SELECT h.id FROM longshore.history h WHERE h.keep_until <= v_now ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM longshore.history h USING old o WHERE h.id = ANY (ARRAY[o.id]) RETURNING h.*
    ), freed AS ( -- a key that is locked is being taken over, because its period has passed
        DELETE FROM longshore.unique_key u
        USING gone g CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM longshore.unique_key k
            WHERE k.queue = g.queue AND k.key = g.unique_key AND k.job = g.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE g.unique_key IS NOT NULL AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), logs AS (
        DELETE FROM longshore.log l USING gone g WHERE l.job = ANY (ARRAY[g.id])
    ), counted AS (
        INSERT INTO longshore.count_change (queue, succeeded, dead, cancelled)
        SELECT g.queue, -sum((g.state = 3)::int), -sum((g.state = 4)::int), -sum((g.state = 5)::int) FROM gone g GROUP BY g.queue
    )
    SELECT g.id, g.artifact FROM gone g;
END $$;

-- Adds up the changes of counts; one at a time, and nobody waits. And forgets workers that have not claimed anything for a day and
-- hold nothing, and answers to pushes whose time is over; those whose job is still known are looked at again an hour later.
-- In:  most rows of each sort; how far tests moved the wall clock
-- Out: whether there is more to do
CREATE FUNCTION longshore.tidy(p_limit integer, p_lock bigint, p_shift bigint, OUT more boolean) LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now  bigint := longshore.clock() + p_shift;
    v_rows bigint;
    v_over longshore.idempotency[];
BEGIN
    more := false;
    IF pg_try_advisory_xact_lock(p_lock) THEN
        WITH gone AS (
            DELETE FROM longshore.count_change c WHERE c.ctid = ANY (ARRAY(SELECT c.ctid FROM longshore.count_change c LIMIT 20000))
            RETURNING c.*
        ), sums AS (
            SELECT queue, sum(scheduled) AS scheduled, sum(ready) AS ready, sum(running) AS running, sum(succeeded) AS succeeded,
                   sum(dead) AS dead, sum(cancelled) AS cancelled, count(*) AS changes
            FROM gone GROUP BY queue
        ), folded AS (
            INSERT INTO longshore.queue AS q (name, scheduled, ready, running, succeeded, dead, cancelled)
            SELECT queue, scheduled, ready, running, succeeded, dead, cancelled FROM sums ORDER BY queue
            ON CONFLICT (name) DO UPDATE
            SET scheduled = q.scheduled + excluded.scheduled, ready = q.ready + excluded.ready, running = q.running + excluded.running,
                succeeded = q.succeeded + excluded.succeeded, dead = q.dead + excluded.dead,
                cancelled = q.cancelled + excluded.cancelled
        )
        SELECT coalesce(sum(changes), 0) >= 20000 INTO more FROM sums;
    END IF;

    DELETE FROM longshore.worker w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM longshore.worker w
        WHERE w.seen < v_now - 86400000 AND NOT EXISTS (SELECT 1 FROM longshore.running j WHERE j.worker = w.id)
        LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := more OR v_rows >= p_limit;

    v_over := ARRAY(
        SELECT a FROM longshore.idempotency a WHERE a.until <= v_now ORDER BY a.until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    DELETE FROM longshore.idempotency a USING unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND NOT longshore.is_known(o.job);
    UPDATE longshore.idempotency a SET until = v_now + 3600000 FROM unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND longshore.is_known(o.job);
    more := more OR cardinality(v_over) >= p_limit;
END $$;

-- Out: whether the tables of live jobs are to be vacuumed, by us: what claims walk over would cost more than that does, which reads
--      all indexes
CREATE FUNCTION longshore.dusty() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT bool_or(s.n_dead_tup > greatest(20000, s.n_live_tup / 10) AND pg_has_role(c.relowner, 'USAGE')) -- others may not
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.relid = ANY (ARRAY['longshore.waiting'::regclass, 'longshore.running'::regclass]));
END $$;

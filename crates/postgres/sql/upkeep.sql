-- The parts of upkeep. Each part is a separate transaction, so that a part that fails does not stop the others. Each
-- touches a limited number of rows and skips rows that others have locked. None waits longer than a second for a lock.

-- Rescues jobs whose lease has ended or is longer than any lease. Skips queues whose rules the program does not know.
-- In:  the most jobs; the level of rules that the program knows; the failure message; the time after which this call is
--      too late, because something delayed it; the longest possible lease; how far tests moved the clocks; the
--      retention periods
-- Out: the jobs, see apply_event_to_all, all NULL if the call was too late; how many failed, and the first error
CREATE FUNCTION longshore.rescue(
    p_limit integer, p_rules_level integer, p_crash text, p_good_until bigint, p_longest bigint, p_shift bigint, p_lease_shift bigint,
    p_keep_finished bigint, p_keep_dead bigint, OUT rescued jsonb, OUT failed bigint, OUT error text
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_clock bigint := longshore.clock();
    v_lease bigint := v_clock + p_lease_shift;
    v_held  text[];
    v_ended uuid[];
    v_wrong uuid[];
    v_lost  uuid[];
BEGIN
    IF v_clock > p_good_until THEN RETURN; END IF;
    v_held := ARRAY(SELECT q.name FROM longshore.queue q WHERE q.rules_level > 0 AND q.rules_level > p_rules_level);
    -- A locked row is being renewed, settled or released, so it is skipped.
    v_ended := ARRAY(
        SELECT j.id FROM longshore.running j WHERE j.lease_until <= v_lease AND j.queue <> ALL (v_held)
        ORDER BY j.lease_until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    v_wrong := ARRAY(
        SELECT j.id FROM longshore.running j WHERE j.lease_until > v_lease + p_longest AND j.queue <> ALL (v_held)
        LIMIT p_limit - cardinality(v_ended) FOR UPDATE SKIP LOCKED);
    v_lost := ARRAY(SELECT l FROM unnest(v_ended || v_wrong) AS l ORDER BY l);
    SELECT h.moved, h.failed, h.error INTO rescued, failed, error FROM longshore.apply_event_to_each(
        v_lost, longshore.event('crashed'), p_crash, NULL, v_clock + p_shift, p_keep_finished, p_keep_dead) h;
END $$;

-- Buries waiting jobs whose deadline has passed.
-- In:  the most jobs; how far tests moved the wall clock; how long dead jobs are kept
-- Out: the jobs, see apply_event_to_all; how many failed, and the first error
CREATE FUNCTION longshore.bury_late(
    p_limit integer, p_shift bigint, p_keep_dead bigint, OUT buried jsonb, OUT failed bigint, OUT error text
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now  bigint := longshore.clock() + p_shift;
    v_late uuid[];
BEGIN
    v_late := ARRAY(
        SELECT late.id FROM (
            SELECT j.id FROM longshore.waiting j WHERE j.deadline <= v_now
            ORDER BY j.deadline LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) late ORDER BY late.id);
    SELECT h.moved, h.failed, h.error INTO buried, failed, error FROM longshore.apply_event_to_each(
        v_late, longshore.event('bury'), NULL, 'expired', v_now, 0, p_keep_dead) h;
END $$;

-- Buries ready jobs that have waited a day for a worker that knows their kind, in queues that had workers all that
-- time.
-- In:  the most jobs; where the last call stopped, or NULL; how far tests moved the wall clock; how long dead jobs are
--      kept
-- Out: the jobs, see apply_event_to_all; where this call stopped, NULL at the end; how many failed, and the first error
CREATE FUNCTION longshore.bury_unknown(
    p_limit integer, p_after text[], p_shift bigint, p_keep_dead bigint,
    OUT buried jsonb, OUT after text[], OUT failed bigint, OUT error text
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now    bigint := longshore.clock() + p_shift;
    v_day    bigint := v_now - 86400000;
    v_found  uuid[] := '{}';
    v_place  record;
    v_queue  longshore.queue;
BEGIN
    after := p_after;
    -- Goes from one queue and kind with ready jobs to the next, with one seek each.
    FOR n IN 1..200 LOOP
        SELECT j.queue, j.crashes / 2 AS isolated, j.kind INTO v_place FROM longshore.waiting j
        WHERE j.state = 1 AND (j.queue, j.crashes / 2, j.kind) > (coalesce(after[1], ''), coalesce(after[2]::integer, 0), coalesce(after[3], ''))
        ORDER BY j.queue, j.crashes / 2, j.kind LIMIT 1;
        after := CASE WHEN FOUND THEN ARRAY[v_place.queue, v_place.isolated::text, v_place.kind] END;
        EXIT WHEN after IS NULL;
        SELECT * INTO v_queue FROM longshore.queue q WHERE q.name = v_place.queue;
        CONTINUE WHEN v_queue.workers_seen IS NULL OR v_queue.workers_seen <= v_now - 3600000 OR v_queue.workers_since >= v_day
            OR EXISTS (SELECT 1 FROM longshore.kind k WHERE k.name = v_place.kind AND k.seen >= v_day);
        v_found := v_found || longshore.ready_before(v_place.queue, v_place.isolated, v_place.kind, v_day, p_limit - cardinality(v_found));
        EXIT WHEN cardinality(v_found) >= p_limit;
    END LOOP;
    v_found := ARRAY(SELECT f FROM unnest(v_found) AS f ORDER BY f);
    SELECT h.moved, h.failed, h.error INTO buried, failed, error FROM longshore.apply_event_to_each(
        v_found, longshore.event('bury'), NULL, 'unknown_kind', v_now, 0, p_keep_dead) h;
END $$;

-- Locks and returns ready jobs of a queue and a kind that were due before a time.
-- In:  the queue; whether to return jobs that must run isolated (1) or the others (0); the kind; the time; the most
--      jobs
CREATE FUNCTION longshore.ready_before(p_queue text, p_isolated integer, p_kind text, p_before bigint, p_limit integer) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_found uuid[] := '{}';
    v_rank  smallint := -32768;
BEGIN
    LOOP -- from one used priority to the next
        v_rank := (SELECT min(r.rank) FROM (
            SELECT j.rank FROM longshore.waiting j
            WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = p_kind AND j.rank > v_rank
            ORDER BY j.rank LIMIT 1) r);
        EXIT WHEN v_rank IS NULL;
        v_found := v_found || ARRAY(
            SELECT j.id FROM longshore.waiting j
            WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = p_kind
              AND j.rank = v_rank AND j.run_at < p_before
            ORDER BY j.run_at LIMIT p_limit - cardinality(v_found) FOR UPDATE SKIP LOCKED);
    END LOOP;
    RETURN v_found;
END $$;

-- Removes workers that have not claimed for a day and hold no jobs, and registry entries that were not updated for an
-- hour.
-- In:  the most workers; how far tests moved the wall clock
-- Out: whether there is more to do
CREATE FUNCTION longshore.forget_workers(p_limit integer, p_shift bigint, OUT more boolean)
LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now  bigint := longshore.clock() + p_shift;
    v_rows bigint;
BEGIN
    DELETE FROM longshore.worker_note w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM longshore.worker_note w WHERE w.seen <= v_now - 3600000 ORDER BY w.seen LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := v_rows >= p_limit;
    DELETE FROM longshore.worker w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM longshore.worker w
        WHERE w.seen < v_now - 86400000 AND NOT EXISTS (SELECT 1 FROM longshore.running j WHERE j.worker = w.id)
        LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := more OR v_rows >= p_limit;
    DELETE FROM longshore.waiter w WHERE w.worker = ANY (ARRAY(
        SELECT w.worker FROM longshore.waiter w WHERE w.seen < longshore.clock() - 3600000 LIMIT p_limit FOR UPDATE SKIP LOCKED));
END $$;

-- Removes stored push answers whose time is over. Those whose job still exists are checked again an hour later.
-- In:  the most answers; how far tests moved the wall clock
-- Out: whether there is more to do
CREATE FUNCTION longshore.forget_answers(p_limit integer, p_shift bigint, OUT more boolean)
LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now  bigint := longshore.clock() + p_shift;
    v_over longshore.idempotency[];
BEGIN
    v_over := ARRAY(
        SELECT a FROM longshore.idempotency a WHERE a.until <= v_now ORDER BY a.until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    DELETE FROM longshore.idempotency a USING unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND NOT longshore.is_known(o.job);
    UPDATE longshore.idempotency a SET until = v_now + 3600000 FROM unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND longshore.is_known(o.job);
    more := cardinality(v_over) >= p_limit;
END $$;

-- Removes queues without jobs and rules that were not pushed to or claimed from for some time. It searches all queues
-- by name; only one process does it at a time, and the others do not wait. A push never needs the row: its count
-- creates a new one.
-- In:  the queue to start after; the most queues to check; the number of the lock; how long an unused queue is kept, in
--      ms; how far tests moved the wall clock
-- Out: where to continue, NULL at the end; how many were removed
CREATE FUNCTION longshore.forget_queues(
    p_after text, p_limit integer, p_lock bigint, p_kept bigint, p_shift bigint, OUT after text, OUT forgotten bigint
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now    bigint := longshore.clock() + p_shift;
    v_names  text[];
    v_unused text[];
BEGIN
    forgotten := 0;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    v_names := ARRAY(SELECT q.name FROM longshore.queue q WHERE q.name > p_after ORDER BY q.name LIMIT p_limit);
    after := v_names[p_limit];
    -- Checked again under the lock. A level of 1 is a pause and nothing else.
    v_unused := ARRAY(
        SELECT q.name FROM longshore.queue q
        WHERE q.name > p_after AND q.name <= v_names[cardinality(v_names)]
          AND greatest(q.used_at, q.workers_seen) <= v_now - p_kept
          AND (q.rules_level = 0 OR q.rules_level = 1 AND q.paused_until <= v_now)
          AND (q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled) = (0, 0, 0, 0, 0, 0)
        FOR UPDATE SKIP LOCKED);
    DELETE FROM longshore.queue q USING unnest(v_unused) AS u (name) WHERE q.name = ANY (ARRAY[u.name]);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END $$;

-- Removes kinds that no worker has asked for in some time. A kind without a row counts as unknown as well. Searches
-- like forget_queues.
-- In and Out: see forget_queues
CREATE FUNCTION longshore.forget_kinds(
    p_after text, p_limit integer, p_lock bigint, p_kept bigint, p_shift bigint, OUT after text, OUT forgotten bigint
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now    bigint := longshore.clock() + p_shift;
    v_names  text[];
    v_unused text[];
BEGIN
    forgotten := 0;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    v_names := ARRAY(SELECT k.name FROM longshore.kind k WHERE k.name > p_after ORDER BY k.name LIMIT p_limit);
    after := v_names[p_limit];
    v_unused := ARRAY(
        SELECT k.name FROM longshore.kind k
        WHERE k.name > p_after AND k.name <= v_names[cardinality(v_names)] AND k.seen <= v_now - p_kept FOR UPDATE SKIP LOCKED);
    DELETE FROM longshore.kind k USING unnest(v_unused) AS u (name) WHERE k.name = ANY (ARRAY[u.name]);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END $$;

-- Claims ready jobs of some queues; see `claim` in core/src/store.rs. If it finds fewer than are wanted, the process is
-- registered as waiting.
-- In:  the worker, its lock (see release.sql) and the nonce; queues in the order in which they are searched; kinds that are
--      wanted; the most of each, and the attempts and the time-out that each grants, in arrays that may be empty if no kind
--      has a value; kinds that are known but not wanted now; the most jobs; the length of the lease, in ms; whether the worker
--      is idle; the level of rules that the program knows; the random bits of the tokens; whether to record that these queues
--      have workers who know these kinds; how far tests moved the wall clock, and that of leases; the latest time that the
--      wall clock can have now unless it was set ahead, see ExpiryClock in core/src/expiry.rs; how long dead jobs are kept;
--      the name of the process for waiting, NULL: it does not listen
-- Out: the jobs, best first in the order of their numbers; then, but not for a repeat, one row without an id: whether the
--      worker was released, when to claim again (in ms), whether a job waits that must run isolated, whether other jobs
--      moved, which queues were held back, why and for how long, which jobs were buried, see apply_event_to_all, whether the
--      worker was newly registered as waiting, and which jobs became ready: queue, kind, number
CREATE FUNCTION longshore.claim(
    p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[],
    p_timeouts integer[], p_others text[], p_limit integer, p_lease bigint, p_idle boolean, p_rules_level integer, p_bits bigint,
    p_note boolean, p_shift bigint, p_lease_shift bigint, p_latest bigint, p_keep_dead bigint, p_process text
) RETURNS TABLE (
    id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint,
    max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean,
    look_again bigint, isolated_waits boolean, jobs_changed boolean, held_back jsonb, buried jsonb, began_waiting boolean, woken jsonb
) LANGUAGE plpgsql /* steady, and bare */ AS $$
#variable_conflict use_column
DECLARE
    v_clock bigint;
    v_now   bigint;
    v_until bigint;
    v_known longshore.worker;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := longshore.clock();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;
    SELECT * INTO v_known FROM longshore.worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
    ELSIF v_known.nonce = p_nonce THEN
        RETURN QUERY SELECT a.*, NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean, NULL::jsonb, NULL::jsonb, NULL::boolean, NULL::jsonb
        FROM longshore.claim_again(p_worker, v_known.first_claim, v_now, v_until) a;
    ELSE
        IF p_note THEN
            PERFORM longshore.note_workers(p_queues, p_kinds || p_others, v_now);
        END IF;
        RETURN QUERY SELECT * FROM longshore.claim_ready(
            p_worker, p_nonce, p_queues, p_kinds, p_wanted, p_attempts, p_timeouts, p_others, p_limit, p_idle, p_rules_level, p_bits,
            v_clock, v_now, least(v_now, p_latest), v_until, p_keep_dead, p_process);
    END IF;
END $$;

-- Returns the jobs of the worker's newest claim, as far as they are still held. The leases start again, because the
-- first answer may have been lost long ago.
-- In:  the worker; the lowest number of that claim's tokens; now, and when a lease ends that starts now
-- Out: the jobs, see claim
CREATE FUNCTION longshore.claim_again(p_worker uuid, p_first bigint, p_now bigint, p_until bigint) RETURNS TABLE (
    id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint,
    max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT j.id FROM unnest(longshore.held_by(p_worker)) AS its (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j
            WHERE j.id = its.id AND j.worker = p_worker AND j.token_number >= p_first FOR UPDATE
        ) j
    )
    UPDATE longshore.running j SET lease_until = p_until FROM held h
    WHERE j.id = ANY (ARRAY[h.id]) AND j.worker = p_worker AND j.token_number >= p_first
    RETURNING j.id, j.token_number, j.token_bits, j.queue, j.kind, j.key, coalesce(j.payload, longshore.large_payload(j.id)), j.attempt,
              j.granted_attempts, j.crashes, j.granted_timeout_ms, j.outages, CASE WHEN j.outage_since > 0 THEN p_now - j.outage_since ELSE 0 END,
              greatest(j.started_at, 0) - greatest(j.run_at, 0);
END $$;

-- Claims the best jobs of some queues, one queue after the other.
-- In and Out: see claim; in addition now, by the server's clock and as tests moved it; the time up to which deadlines have
-- surely passed; and when a lease ends that starts now
CREATE FUNCTION longshore.claim_ready(
    p_worker uuid, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[], p_timeouts integer[],
    p_others text[], p_limit integer, p_idle boolean, p_rules_level integer, p_bits bigint, p_clock bigint, p_now bigint,
    p_expiry bigint, p_until bigint, p_keep_dead bigint, p_process text
) RETURNS TABLE (
    id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint,
    max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean,
    look_again bigint, isolated_waits boolean, jobs_changed boolean, held_back jsonb, buried jsonb, began_waiting boolean, woken jsonb
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_first  bigint;
    v_queue  text;
    v_queue_state record;
    v_due    record;
    v_again  bigint;
    v_taken  integer := 0;
    v_waits  boolean := false;      -- a job waits that must run isolated
    v_jobs_changed boolean := false;
    v_took_isolated boolean := false; -- the claimed job must run isolated
    v_isolated boolean;
    v_want   integer;
    v_got    integer;
    v_late   jsonb;
    v_buried jsonb := '[]';
    v_held   jsonb := '[]';
    v_woken  jsonb := '[]';         -- jobs that became ready
    v_open   text[] := '{}';        -- queues that are not held back
    v_left   integer[] := p_wanted; -- how many more of each kind; empty: no limit
    v_place  integer;
    v_kinds  text[];
    v_counts bigint[];
BEGIN
    FOREACH v_queue IN ARRAY p_queues LOOP
        SELECT * INTO v_queue_state FROM longshore.inspect_queue(v_queue, p_rules_level, p_now, p_expiry);
        IF v_queue_state.due <= p_now THEN
            SELECT * INTO v_due FROM longshore.promote(v_queue, p_now);
            v_jobs_changed := v_jobs_changed OR v_due.promoted;
            v_woken := v_woken || v_due.woken;
            v_queue_state.isolated_ready := v_queue_state.isolated_ready OR v_due.promoted; -- possibly; checked in detail below
            v_queue_state.due := v_due.next_due;
        END IF;
        v_again := least(v_again, v_queue_state.due, v_queue_state.until);
        IF v_queue_state.why IS NOT NULL THEN
            v_held := v_held || jsonb_build_object('queue', v_queue, 'why', v_queue_state.why, 'until', v_queue_state.until - p_now);
        END IF;
        CONTINUE WHEN v_queue_state.most = 0;
        v_open := v_open || v_queue;

        v_isolated := v_queue_state.isolated_ready AND longshore.has_isolated(v_queue, p_kinds || p_others);
        v_waits := v_waits OR v_isolated;
        v_isolated := v_isolated AND p_idle AND v_taken = 0;
        -- A worker is kept free for a job that must run isolated, even while it wants no job of that kind.
        CONTINUE WHEN v_isolated AND p_others <> '{}' AND NOT longshore.has_isolated(v_queue, p_kinds);
        LOOP
            v_want := CASE WHEN v_took_isolated THEN 0 WHEN v_isolated THEN least(p_limit, 1) ELSE p_limit - v_taken END;
            EXIT WHEN v_want <= 0;
            IF cardinality(p_kinds) = 1 THEN
                v_kinds := p_kinds;
                v_counts := ARRAY[least(v_want, v_left[1])];
            ELSE
                SELECT b.kinds, b.counts INTO v_kinds, v_counts FROM longshore.best_of(v_queue, v_isolated::integer, p_kinds, v_left, v_want) b;
            END IF;
            v_first := coalesce(v_first, nextval('longshore.claim_number'));
            v_got := 0;
            FOR id, token_number, token_bits, queue, kind, key, payload, attempt, max_attempts, crashes, timeout_ms, outages, outage_for,
                waited IN
                SELECT * FROM longshore.start(
                    p_worker, v_queue, v_isolated::integer, v_kinds, v_counts, p_kinds, p_attempts, p_timeouts, p_bits, p_now, p_expiry, p_until)
            LOOP
                RETURN NEXT;
                v_got := v_got + 1;
                IF v_left <> '{}' THEN
                    v_place := array_position(p_kinds, kind);
                    v_left[v_place] := v_left[v_place] - 1;
                END IF;
            END LOOP;
            v_taken := v_taken + v_got;
            v_took_isolated := v_isolated AND v_got > 0;
            CONTINUE WHEN v_took_isolated; -- ends the loop
            IF v_got < v_want AND v_queue_state.late THEN
                IF jsonb_array_length(v_buried) >= 500 THEN
                    v_again := p_now; -- enough for one call; claim again at once
                    EXIT;
                END IF;
                v_late := longshore.bury_late_first(
                    v_queue, v_isolated::integer, longshore.still_wanted(p_kinds, v_left), 500 - jsonb_array_length(v_buried), p_now,
                    p_expiry, p_keep_dead);
                v_buried := v_buried || v_late;
                CONTINUE WHEN v_late <> '[]';
            END IF;
            EXIT WHEN NOT v_isolated AND (v_got = 0 OR cardinality(p_kinds) = 1);
            v_isolated := false;
        END LOOP;
    END LOOP;

    IF v_taken > 0 THEN
        INSERT INTO longshore.worker AS w (id, nonce, first_claim, released, seen) VALUES (p_worker, p_nonce, v_first, false, p_now)
        ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, first_claim = excluded.first_claim, seen = excluded.seen;
    END IF;
    -- A waiting worker is notified of the next job.
    began_waiting := v_taken < p_limit AND NOT v_took_isolated AND v_open <> '{}' AND longshore.wait_for_work(
        p_worker, p_process, v_open, longshore.still_wanted(p_kinds, v_left), p_clock);
    id := NULL; token_number := NULL; token_bits := NULL; queue := NULL; kind := NULL; key := NULL; payload := NULL; -- not a job
    look_again := CASE WHEN v_again IS NOT NULL THEN greatest(v_again - p_now, 0) END;
    isolated_waits := v_waits;
    jobs_changed := v_jobs_changed OR v_buried <> '[]';
    held_back := nullif(v_held, '[]');
    buried := nullif(v_buried, '[]');
    woken := nullif(v_woken, '[]');
    RETURN NEXT;
END $$;

-- Inspects a queue before a claim. As a function of one SELECT it is inlined by the planner, so it adds no cost.
-- In:  the queue; the level of rules that the program knows; now; the time up to which deadlines have passed
-- Out: one row: when its next scheduled job is due; whether a job of any kind is ready that must run isolated; whether
--      a job of any queue has missed its deadline; what its rules admit, see admit
CREATE FUNCTION longshore.inspect_queue(p_queue text, p_rules_level integer, p_now bigint, p_expiry bigint)
RETURNS TABLE (due bigint, isolated_ready boolean, late boolean, most bigint, why text, until bigint) LANGUAGE sql STABLE AS $$
    SELECT (SELECT j.run_at FROM longshore.waiting j WHERE j.state = 0 AND j.queue = p_queue ORDER BY j.run_at LIMIT 1),
           EXISTS (SELECT 1 FROM longshore.waiting j WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = 1),
           EXISTS (SELECT 1 FROM longshore.waiting j WHERE j.deadline <= p_expiry),
           a.most, a.why, a.until
    FROM (SELECT) one LEFT JOIN longshore.queue q ON q.name = p_queue
    CROSS JOIN LATERAL longshore.admit(q.rules_level, p_rules_level, q.paused_until, p_now) a
$$;

-- Makes scheduled jobs of a queue ready whose time has come, at most 500.
-- Out: whether there were any; their kinds and numbers; when the next one is due
CREATE FUNCTION longshore.promote(p_queue text, p_now bigint, OUT promoted boolean, OUT woken jsonb, OUT next_due bigint)
LANGUAGE plpgsql AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT j.id FROM longshore.waiting j WHERE j.state = 0 AND j.queue = p_queue AND j.run_at <= p_now
        ORDER BY j.run_at LIMIT 500 FOR UPDATE SKIP LOCKED
    ), changed AS (
        UPDATE longshore.waiting j SET state = 1, version = least(j.version, 999999999999999) + 1 FROM due d WHERE j.id = ANY (ARRAY[d.id])
        RETURNING j.queue, j.kind, j.key
    )
    SELECT coalesce(longshore.moved(
               array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(0::smallint), array_agg(1::smallint), array_agg(g.n)
           ), false),
           coalesce(jsonb_agg(jsonb_build_object('queue', g.queue, 'kind', g.kind, 'jobs', g.n)), '[]')
    INTO promoted, woken FROM (SELECT queue, kind, key, count(*) AS n FROM changed GROUP BY queue, kind, key) g;
    next_due := (SELECT j.run_at FROM longshore.waiting j WHERE j.state = 0 AND j.queue = p_queue ORDER BY j.run_at LIMIT 1);
END $$;

-- Returns whether a job of one of these kinds is ready that must run isolated.
CREATE FUNCTION longshore.has_isolated(p_queue text, p_kinds text[]) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
            SELECT 1 FROM longshore.waiting j WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
        ) isolated);
END $$;

-- Returns the kinds of which more jobs are wanted.
CREATE FUNCTION longshore.still_wanted(p_kinds text[], p_left integer[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_left = '{}' THEN RETURN p_kinds; END IF;
    RETURN ARRAY(SELECT k.kind FROM unnest(p_kinds, p_left) AS k (kind, n) WHERE k.n > 0);
END $$;

-- Counts the kinds of the best ready jobs of a queue. The function start then locks no more than these, so that other
-- claims miss no jobs.
-- In:  the queue; whether to count jobs that must run isolated (1) or the others (0); kinds; the most of each, or an
--      empty array; the most jobs
-- Out: one row; both columns are NULL if no job is ready
CREATE FUNCTION longshore.best_of(p_queue text, p_isolated integer, p_kinds text[], p_left integer[], p_want integer)
RETURNS TABLE (kinds text[], counts bigint[]) LANGUAGE sql STABLE AS $$
    SELECT array_agg(best.kind), array_agg(best.n)
    FROM (SELECT c.kind, count(*) AS n
          FROM (SELECT j.* FROM unnest(p_kinds, p_left) AS k (kind, n) CROSS JOIN LATERAL (
                    SELECT j.kind, j.rank, j.run_at, j.seq FROM longshore.waiting j
                    WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                    ORDER BY j.rank, j.run_at, j.seq LIMIT least(p_want, k.n)) j
                ORDER BY j.rank, j.run_at, j.seq LIMIT p_want) c
          GROUP BY c.kind) best
$$;

-- Picks the best ready jobs of a queue that no other claim has locked, and starts them. Skips jobs that missed their
-- deadline.
-- In:  the worker; the queue; whether to start jobs that must run isolated (1) or the others (0); which kinds, and the
--      most of each; the kinds that are wanted, and what each grants, see claim; the random bits of the tokens; now;
--      the time up to which deadlines have passed; when the leases end
-- Out: the jobs, see claim
CREATE FUNCTION longshore.start(
    p_worker uuid, p_queue text, p_isolated integer, p_picked text[], p_counts bigint[], p_kinds text[], p_attempts smallint[],
    p_timeouts integer[], p_bits bigint, p_now bigint, p_expiry bigint, p_until bigint
) RETURNS TABLE (
    id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint,
    max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT best.place, nextval('longshore.claim_number') AS number
        FROM (SELECT j.* FROM unnest(p_picked, p_counts) AS k (kind, n) CROSS JOIN LATERAL (
                  SELECT j.ctid AS place, j.rank, j.run_at, j.seq FROM longshore.waiting j
                  WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                  ORDER BY j.rank, j.run_at, j.seq LIMIT k.n FOR UPDATE SKIP LOCKED) j
              ORDER BY j.rank, j.run_at, j.seq) best
    ), left_waiting AS (
        DELETE FROM longshore.waiting j USING picked p
        WHERE j.ctid = p.place AND (j.deadline IS NULL OR j.deadline > p_expiry) RETURNING j.*, p.number
    ), taken AS (
        INSERT INTO longshore.running (
            seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
            token_number, token_bits, lease_until, outage_since, timeout_ms, granted_timeout_ms, interruptions, rank, attempt,
            max_attempts, granted_attempts, crashes, outages, id, worker, queue, kind, payload, key, tags, alias, unique_key,
            reuse_key, failures)
        SELECT j.seq, j.run_at, j.created_at, j.version + 1, j.deadline, j.unique_scope, j.reuse_ms, p_now, j.settled_number,
               j.settled_bits, j.number, p_bits, p_until, j.outage_since, j.timeout_ms,
               -- The value that the job asks for, limited by the kind's value. `least` ignores NULLs.
               coalesce(least(j.timeout_ms, p_timeouts[array_position(p_kinds, j.kind)]), 1800000), j.interruptions, j.rank,
               least(j.attempt + 1, 32767), j.max_attempts,
               coalesce(least(j.max_attempts, p_attempts[array_position(p_kinds, j.kind)]), 20), j.crashes, j.outages, j.id,
               p_worker, j.queue, j.kind, j.payload, j.key, j.tags, j.alias, j.unique_key, j.reuse_key, j.failures
        FROM left_waiting j
        RETURNING id, token_number, token_bits, queue, kind, key, payload, attempt, granted_attempts, crashes,
                  granted_timeout_ms, outages, outage_since, run_at, unique_scope, unique_key
    ), freed AS (
        DELETE FROM longshore.unique_key u USING taken t
        WHERE longshore.gives_key_back(t.unique_scope, 2::smallint)
          AND u.queue = ANY (ARRAY[t.queue]) AND u.key = ANY (ARRAY[t.unique_key]) AND u.job = t.id
    ), counted AS MATERIALIZED (
        SELECT longshore.moved(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(1::smallint),
                               array_agg(2::smallint), array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, count(*) AS n FROM taken GROUP BY queue, kind, key) g
    )
    SELECT t.id, t.token_number, t.token_bits, t.queue, t.kind, t.key, coalesce(t.payload, longshore.large_payload(t.id)), t.attempt,
           t.granted_attempts, t.crashes, t.granted_timeout_ms, t.outages, CASE WHEN t.outage_since > 0 THEN p_now - t.outage_since ELSE 0 END,
           p_now - greatest(t.run_at, 0) -- a corrupt number must not make the difference overflow
    FROM taken t CROSS JOIN counted c; -- this is one row
END $$;

-- Returns the payload of a job if it is large.
CREATE FUNCTION longshore.large_payload(p_id uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT p.text FROM longshore.payload p WHERE p.job = p_id);
END $$;

-- Buries jobs that missed their deadline and come before the best job that did not.
-- In:  a queue; whether to bury jobs that must run isolated (1) or the others (0); kinds; the most jobs; now; the
--      time up to which deadlines have passed; how long dead jobs are kept
-- Out: the jobs, see apply_event_to_all
CREATE FUNCTION longshore.bury_late_first(
    p_queue text, p_isolated integer, p_kinds text[], p_limit integer, p_now bigint, p_expiry bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_late uuid[];
BEGIN
    v_late := ARRAY(
        SELECT j.id FROM (
            SELECT first.id, bool_and(first.deadline IS NOT NULL AND first.deadline <= p_expiry) OVER (
                       ORDER BY first.rank, first.run_at, first.seq) AS late
            FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                      SELECT j.id, j.deadline, j.rank, j.run_at, j.seq FROM longshore.waiting j
                      WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                      ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) j
                  ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) first
        ) best CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.waiting j WHERE j.id = best.id AND j.deadline <= p_expiry FOR UPDATE SKIP LOCKED
        ) j
        WHERE best.late ORDER BY best.id);
    IF v_late = '{}' THEN RETURN '[]'; END IF;
    RETURN (SELECT h.moved FROM longshore.apply_event_to_each(v_late, longshore.event('bury'), NULL, 'expired', p_now, 0, p_keep_dead) h);
END $$;

-- Records that these queues have workers who know these kinds. Never waits: another transaction that holds a row
-- records the same or adds up counts.
CREATE FUNCTION longshore.note_workers(p_queues text[], p_kinds text[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO longshore.queue (name) SELECT name FROM unnest(p_queues) AS n (name)
    WHERE NOT EXISTS (SELECT 1 FROM longshore.queue q WHERE q.name = n.name) ORDER BY name ON CONFLICT DO NOTHING;
    UPDATE longshore.queue q
    SET workers_since = CASE WHEN q.workers_seen < p_now - 3600000 THEN p_now ELSE q.workers_since END, workers_seen = p_now
    FROM (SELECT name FROM longshore.queue WHERE name = ANY (p_queues) FOR UPDATE SKIP LOCKED) mine WHERE q.name = mine.name;
    INSERT INTO longshore.kind (name, seen) SELECT name, p_now FROM unnest(p_kinds) AS n (name)
    WHERE NOT EXISTS (SELECT 1 FROM longshore.kind k WHERE k.name = n.name) ORDER BY name ON CONFLICT DO NOTHING;
    UPDATE longshore.kind k SET seen = p_now
    FROM (SELECT name FROM longshore.kind WHERE name = ANY (p_kinds) FOR UPDATE SKIP LOCKED) mine WHERE k.name = mine.name;
END $$;

-- Hands out ready jobs of some queues; see `claim` in core/src/store.rs. Where it finds fewer than are wanted, the process waits from now on.
-- In:  who asks, under which lock (see release.sql) and nonce; queues in the order they are looked at; kinds that are wanted; how many
--      of each at most, the attempts and the time-out that each grants, in arrays that may be empty where nothing is said of any kind;
--      kinds that are known, but not wanted now; most jobs; for how long, in ms; whether the worker is idle; the level of rules that
--      the program knows; the random bits of the tokens; whether to note that these queues have workers who know these kinds; how far
--      tests moved the wall clock, and that of leases; how long dead jobs are kept; what the process is called where it waits for work, NULL: it does not listen
-- Out: the jobs, best first in the order of their numbers; then, but not for a repeat, one row without an id: whether the worker
--      was released, in how many milliseconds to look again, whether a job waits that must run alone, whether other jobs moved, which
--      queues were held back, why and for how long, which jobs were buried, see happen_alike, whether the worker has begun to wait, and which
--      jobs became ready: queue, kind, how many
CREATE FUNCTION longshore.claim(
    p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[],
    p_timeouts integer[], p_others text[], p_limit integer, p_lease bigint, p_idle boolean, p_rules_level integer, p_bits bigint,
    p_note boolean, p_shift bigint, p_lease_shift bigint, p_keep_dead bigint, p_process text
) RETURNS TABLE (
    id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint,
    max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean,
    look_again bigint, alone_waits boolean, stirred boolean, held_back jsonb, buried jsonb, waits_anew boolean, woken jsonb
) LANGUAGE plpgsql /* steady, and bare */ AS $$
#variable_conflict use_column
DECLARE
    v_clock    bigint;
    v_now      bigint;
    v_until    bigint;
    v_known    longshore.worker;
    v_first    bigint;
    v_queue    text;
    v_look     record;
    v_again bigint;
    v_taken    integer := 0;
    v_waits    boolean := false;    -- some job waits that must run alone
    v_stirred  boolean := false;
    v_solo     boolean := false;    -- the one taken must run alone
    v_alone    boolean;
    v_want     integer;
    v_got      integer;
    v_late     jsonb;
    v_buried   jsonb := '[]';
    v_held     jsonb := '[]';
    v_woken    jsonb := '[]';       -- what became ready
    v_woke     jsonb;
    v_open     text[] := '{}';      -- queues that are not held back
    v_left     integer[] := p_wanted; -- how many more of each kind; empty: no bound
    v_place    integer;
    v_kinds    text[];
    v_counts   bigint[];
    v_promoted boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := longshore.clock();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;

    SELECT * INTO v_known FROM longshore.worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
        RETURN;
    ELSIF v_known.nonce = p_nonce THEN
        -- The first answer may have been lost long ago: the lease begins anew.
        RETURN QUERY
        WITH held AS MATERIALIZED (
            SELECT j.id FROM unnest(longshore.held_by(p_worker)) AS its (id) CROSS JOIN LATERAL (
                SELECT j.id FROM longshore.running j
                WHERE j.id = its.id AND j.worker = p_worker AND j.token_number >= v_known.first_claim FOR UPDATE
            ) j
        )
        UPDATE longshore.running j SET lease_until = v_until FROM held h
        WHERE j.id = ANY (ARRAY[h.id]) AND j.worker = p_worker AND j.token_number >= v_known.first_claim
        RETURNING j.id, j.token_number, j.token_bits, j.queue, j.kind, j.key, coalesce(j.payload, longshore.large_payload(j.id)), j.attempt, j.granted_attempts, j.crashes,
                  j.granted_timeout_ms, j.outages, coalesce(v_now - j.outage_since, 0), j.started_at - j.run_at,
                  NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean, NULL::jsonb, NULL::jsonb, NULL::boolean, NULL::jsonb;
        RETURN;
    END IF;
    IF p_note THEN
        PERFORM longshore.note_workers(p_queues, p_kinds || p_others, v_now);
    END IF;

    FOREACH v_queue IN ARRAY p_queues LOOP
        SELECT (SELECT j.run_at FROM longshore.waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1) AS due,
               EXISTS (SELECT 1 FROM longshore.waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1) AS suspects,
               EXISTS (SELECT 1 FROM longshore.waiting j WHERE j.deadline <= v_now) AS late,
               a.most, a.why, a.until
        INTO v_look FROM (SELECT) one LEFT JOIN longshore.queue q ON q.name = v_queue
        CROSS JOIN LATERAL longshore.admit(q.rules_level, p_rules_level, q.paused_until, v_now) a;

        IF v_look.due <= v_now THEN
            WITH due AS MATERIALIZED (
                SELECT j.id FROM longshore.waiting j WHERE j.state = 0 AND j.queue = v_queue AND j.run_at <= v_now
                ORDER BY j.run_at LIMIT 500 FOR UPDATE SKIP LOCKED
            ), promoted AS (
                UPDATE longshore.waiting j SET state = 1, version = j.version + 1 FROM due d WHERE j.id = ANY (ARRAY[d.id])
                RETURNING j.queue, j.kind, j.key
            )
            SELECT coalesce(longshore.moved(
                array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(0::smallint), array_agg(1::smallint), array_agg(g.n)
            ), false), jsonb_agg(jsonb_build_object('queue', g.queue, 'kind', g.kind, 'jobs', g.n)) INTO v_promoted, v_woke
            FROM (SELECT queue, kind, key, count(*) AS n FROM promoted GROUP BY queue, kind, key) g;
            v_stirred := v_promoted OR v_stirred;
            v_woken := v_woken || coalesce(v_woke, '[]');
            v_look.suspects := v_look.suspects OR v_promoted; -- perhaps; it is asked more closely below
            v_look.due := (SELECT j.run_at FROM longshore.waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1);
        END IF;
        v_again := least(v_again, v_look.due);
        IF v_look.why IS NOT NULL THEN
            v_again := least(v_again, v_look.until);
            v_held := v_held || jsonb_build_object('queue', v_queue, 'why', v_look.why, 'until', v_look.until - v_now);
        END IF;
        CONTINUE WHEN v_look.most = 0;
        v_open := v_open || v_queue;

        v_alone := v_look.suspects AND EXISTS (
            SELECT 1 FROM unnest(p_kinds || p_others) AS k (kind) CROSS JOIN LATERAL (
                SELECT 1 FROM longshore.waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
            ) suspect);
        v_waits := v_waits OR v_alone;
        v_alone := v_alone AND p_idle AND v_taken = 0;
        -- A worker is kept free for a job that must run alone, even while it wants none of that kind.
        CONTINUE WHEN v_alone AND p_others <> '{}' AND NOT EXISTS (
            SELECT 1 FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                SELECT 1 FROM longshore.waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
            ) suspect);
        LOOP
            v_want := CASE WHEN v_solo THEN 0 WHEN v_alone THEN least(p_limit, 1) ELSE p_limit - v_taken END;
            EXIT WHEN v_want <= 0;
            IF cardinality(p_kinds) = 1 THEN
                v_kinds := p_kinds;
                v_counts := ARRAY[least(v_want, v_left[1])];
            ELSE
                -- How many of the best are of which kind: no more than these are locked below, so that others miss none.
                SELECT array_agg(best.kind), array_agg(best.n) INTO v_kinds, v_counts
                FROM (SELECT c.kind, count(*) AS n
                      FROM (SELECT j.* FROM unnest(p_kinds, v_left) AS k (kind, n) CROSS JOIN LATERAL (
                                SELECT j.kind, j.rank, j.run_at, j.seq FROM longshore.waiting j
                                WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                                ORDER BY j.rank, j.run_at, j.seq LIMIT least(v_want, k.n)) j
                            ORDER BY j.rank, j.run_at, j.seq LIMIT v_want) c
                      GROUP BY c.kind) best;
            END IF;
            v_first := coalesce(v_first, nextval('longshore.claim_number'));
            v_got := 0;
            FOR id, token_number, token_bits, queue, kind, key, payload, attempt, max_attempts, crashes, timeout_ms, outages, outage_for,
                waited IN
            WITH picked AS MATERIALIZED (
                SELECT best.place, nextval('longshore.claim_number') AS number
                FROM (SELECT j.* FROM unnest(v_kinds, v_counts) AS k (kind, n) CROSS JOIN LATERAL (
                          SELECT j.ctid AS place, j.rank, j.run_at, j.seq FROM longshore.waiting j
                          WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                          ORDER BY j.rank, j.run_at, j.seq LIMIT k.n FOR UPDATE SKIP LOCKED) j
                      ORDER BY j.rank, j.run_at, j.seq) best
            ), left_waiting AS (
                DELETE FROM longshore.waiting j USING picked p
                WHERE j.ctid = p.place AND (j.deadline IS NULL OR j.deadline > v_now) RETURNING j.*, p.number
            ), taken AS (
                INSERT INTO longshore.running (
                    seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
                    token_number, token_bits, lease_until, outage_since, timeout_ms, granted_timeout_ms, interruptions, rank, attempt,
                    max_attempts, granted_attempts, crashes, outages, id, worker, queue, kind, payload, key, tags, alias, unique_key,
                    reuse_key, failures)
                SELECT j.seq, j.run_at, j.created_at, j.version + 1, j.deadline, j.unique_scope, j.reuse_ms, v_now, j.settled_number,
                       j.settled_bits, j.number, p_bits, v_until, j.outage_since, j.timeout_ms,
                       -- What the job asks for, but no more than the kind grants; `least` ignores NULLs.
                       coalesce(least(j.timeout_ms, p_timeouts[array_position(p_kinds, j.kind)]), 1800000), j.interruptions, j.rank,
                       least(j.attempt + 1, 32767), j.max_attempts,
                       coalesce(least(j.max_attempts, p_attempts[array_position(p_kinds, j.kind)]), 20), j.crashes, j.outages, j.id,
                       p_worker, j.queue, j.kind, j.payload, j.key, j.tags, j.alias, j.unique_key, j.reuse_key, j.failures
                FROM left_waiting j
                RETURNING id, token_number, token_bits, queue, kind, key, payload, attempt, granted_attempts, crashes,
                          granted_timeout_ms, outages, outage_since, run_at, unique_scope, unique_key
            ), freed AS (
                DELETE FROM longshore.unique_key u USING taken t
                WHERE t.unique_scope = 0 AND u.queue = ANY (ARRAY[t.queue]) AND u.key = ANY (ARRAY[t.unique_key]) AND u.job = t.id
            ), counted AS MATERIALIZED (
                SELECT longshore.moved(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(1::smallint),
                                       array_agg(2::smallint), array_agg(g.n)) AS done
                FROM (SELECT queue, kind, key, count(*) AS n FROM taken GROUP BY queue, kind, key) g
            )
            SELECT t.id, t.token_number, t.token_bits, t.queue, t.kind, t.key, coalesce(t.payload, longshore.large_payload(t.id)), t.attempt,
                   t.granted_attempts, t.crashes, t.granted_timeout_ms, t.outages, coalesce(v_now - t.outage_since, 0), v_now - t.run_at
            FROM taken t CROSS JOIN counted c -- which is one row
            LOOP
                RETURN NEXT;
                v_got := v_got + 1;
                IF v_left <> '{}' THEN
                    v_place := array_position(p_kinds, kind);
                    v_left[v_place] := v_left[v_place] - 1;
                END IF;
            END LOOP;
            v_taken := v_taken + v_got;
            v_solo := v_alone AND v_got > 0;
            CONTINUE WHEN v_solo; -- to the end of the loop
            IF v_got < v_want AND v_look.late THEN
                IF jsonb_array_length(v_buried) >= 500 THEN
                    v_again := v_now; -- enough for one call; look again at once
                    EXIT;
                END IF;
                v_late := longshore.bury_late_first(
                    v_queue, v_alone::integer,
                    CASE WHEN v_left = '{}' THEN p_kinds
                         ELSE ARRAY(SELECT k.kind FROM unnest(p_kinds, v_left) AS k (kind, n) WHERE k.n > 0) END,
                    500 - jsonb_array_length(v_buried), v_now, p_keep_dead);
                v_buried := v_buried || v_late;
                CONTINUE WHEN v_late <> '[]';
            END IF;
            EXIT WHEN NOT v_alone AND (v_got = 0 OR cardinality(p_kinds) = 1);
            v_alone := false;
        END LOOP;
    END LOOP;

    IF v_taken > 0 THEN
        INSERT INTO longshore.worker AS w (id, nonce, first_claim, released, seen) VALUES (p_worker, p_nonce, v_first, false, v_now)
        ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, first_claim = excluded.first_claim, seen = excluded.seen;
    END IF;
    -- Whoever waits is told of the next job.
    waits_anew := v_taken < p_limit AND NOT v_solo AND v_open <> '{}' AND longshore.wait_for_work(
        p_worker, p_process, v_open,
        CASE WHEN v_left = '{}' THEN p_kinds ELSE ARRAY(SELECT k.kind FROM unnest(p_kinds, v_left) AS k (kind, n) WHERE k.n > 0) END, v_clock);
    id := NULL; token_number := NULL; token_bits := NULL; queue := NULL; kind := NULL; key := NULL; payload := NULL; -- it is no job
    look_again := CASE WHEN v_again IS NOT NULL THEN greatest(v_again - v_now, 0) END;
    alone_waits := v_waits;
    stirred := v_stirred OR v_buried <> '[]';
    held_back := nullif(v_held, '[]');
    buried := nullif(v_buried, '[]');
    woken := nullif(v_woken, '[]');
    RETURN NEXT;
END $$;

-- Returns the payload of a job where that is large.
CREATE FUNCTION longshore.large_payload(p_id uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT p.text FROM longshore.payload p WHERE p.job = p_id);
END $$;

-- Buries jobs that missed their deadline, as far as they come before the best that did not.
-- In:  a queue; whether of those that must run alone (1) or the others (0); kinds; most jobs; now; how long dead jobs are kept
-- Out: which, see happen_alike
CREATE FUNCTION longshore.bury_late_first(
    p_queue text, p_alone integer, p_kinds text[], p_limit integer, p_now bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_late uuid[];
BEGIN
    v_late := ARRAY(
        SELECT j.id FROM (
            SELECT first.id, bool_and(first.deadline IS NOT NULL AND first.deadline <= p_now) OVER (
                       ORDER BY first.rank, first.run_at, first.seq) AS late
            FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                      SELECT j.id, j.deadline, j.rank, j.run_at, j.seq FROM longshore.waiting j
                      WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_alone AND j.kind = k.kind
                      ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) j
                  ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) first
        ) best CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.waiting j WHERE j.id = best.id AND j.deadline <= p_now FOR UPDATE SKIP LOCKED
        ) j
        WHERE best.late ORDER BY best.id);
    IF v_late = '{}' THEN RETURN '[]'; END IF;
    RETURN (SELECT h.moved FROM longshore.happen_apart(v_late, 12::smallint, NULL, 'expired', p_now, 0, p_keep_dead) h);
END $$;

-- Notes that these queues have workers who know these kinds. Never waits: who holds a row is noting the same, or adds up counts.
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

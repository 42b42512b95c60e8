-- Applies an event to each of some waiting or running jobs: the one place where a job is moved by `step`. The bulk
-- settle (settle.sql) and the claim (claim.sql) write the same transitions in one pass.
-- In:  distinct job ids, sorted; number and bits of the token for jobs that a token must hold, otherwise NULL; an event
--      each, see step.sql; delays; messages; reasons; progress; now; how long finished and dead jobs are kept. An array
--      may be empty if it has no values.
-- Out: the moved jobs: their positions and new states
CREATE FUNCTION longshore.apply_event(
    p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_events smallint[], p_delays bigint[], p_messages text[], p_whys text[],
    p_progresses text[], p_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS TABLE (
    place integer, id uuid, queue text, kind text, worker uuid, attempt smallint, crashes smallint, state smallint, reason text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- All callers lock the rows first and in the same order, so that the rows do not change in what follows.
    PERFORM 1 FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
        SELECT 1 FROM longshore.waiting j WHERE j.id = a.id FOR UPDATE
    ) locked;
    PERFORM 1 FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
        SELECT 1 FROM longshore.running j WHERE j.id = a.id FOR UPDATE
    ) locked;
    RETURN QUERY
    WITH moving AS MATERIALIZED (
        SELECT a.place, a.number, a.bits, n.*, j.*, coalesce(a.said, j.progress) AS to_progress,
               CASE WHEN a.message IS NULL THEN j.failures
                    ELSE longshore.with_failure(
                        j.failures, a.message, p_now, j.attempt, j.worker, longshore.failure_class(a.event, a.why),
                        CASE WHEN j.state = 2 THEN j.started_at END, j.token_number) END AS to_failures,
               CASE WHEN n.to_outages > 0 THEN CASE WHEN j.outages > 0 THEN j.outage_since ELSE p_now END END AS to_outage_since
        FROM unnest(p_ids, p_numbers, p_bits, p_events, p_delays, p_messages, p_whys, p_progresses) WITH ORDINALITY
             AS a (id, number, bits, event, delay, message, why, said, place)
        CROSS JOIN LATERAL (
            SELECT * FROM longshore.live j
            WHERE j.id = a.id AND (a.number IS NULL OR (j.token_number = a.number AND j.token_bits = a.bits)) LIMIT 1
        ) j
        CROSS JOIN LATERAL (
            -- A job whose row cannot be moved back must not stop the others.
            SELECT CASE WHEN broken THEN 4::smallint ELSE s.to_state END AS to_state, s.to_attempt, s.to_crashes, s.to_interruptions,
                   s.to_outages, s.to_cancel_asked, s.wait, CASE WHEN broken THEN 'corrupt' ELSE s.reason END AS reason
            FROM longshore.step(
                j.state, j.attempt, j.crashes, j.interruptions, j.outages, j.cancel_asked, a.event, a.delay, a.why
            ) s CROSS JOIN LATERAL (SELECT j.state = 2 AND s.to_state < 2 AND NOT longshore.is_sound(ROW(j.*)::longshore.live) AS broken) b
        ) n
    ), stayed_waiting AS (
        UPDATE longshore.waiting j
        SET state = m.to_state, attempt = m.to_attempt, crashes = m.to_crashes, interruptions = m.to_interruptions,
            outages = m.to_outages, outage_since = m.to_outage_since, run_at = coalesce(p_now + m.wait, j.run_at), version = j.version + 1, failures = m.to_failures
        FROM moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state < 2 AND m.to_state < 2
    ), stayed_running AS (
        UPDATE longshore.running j SET cancel_asked = m.to_cancel_asked, version = j.version + 1
        FROM moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state = 2 AND m.to_state = 2
    ), left_waiting AS (
        DELETE FROM longshore.waiting j USING moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state < 2 AND m.to_state > 2
    ), left_running AS (
        DELETE FROM longshore.running j USING moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state = 2 AND m.to_state <> 2
    ), came_back AS (
        INSERT INTO longshore.waiting (
            seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
            outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt, max_attempts, granted_attempts, crashes,
            outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures)
        SELECT seq, coalesce(p_now + wait, run_at), created_at, version + 1, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), to_outage_since, timeout_ms, granted_timeout_ms,
               to_interruptions, to_state, rank, to_attempt, max_attempts, granted_attempts, to_crashes, to_outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, to_progress,
               to_failures
        FROM moving WHERE state = 2 AND to_state < 2
    ), kept AS (
        INSERT INTO longshore.history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt, max_attempts,
            granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind,
            payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason)
        SELECT seq, run_at, created_at, least(version, 1000000000000000) + 1, p_now,
               p_now + CASE WHEN to_state = 4 THEN p_keep_dead ELSE p_keep_finished END, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), to_outage_since, timeout_ms, granted_timeout_ms,
               to_interruptions, to_state, rank, to_attempt, max_attempts, granted_attempts, to_crashes, to_outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
               to_progress, to_failures, reason
        FROM moving WHERE to_state > 2
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM longshore.unique_key u
        USING moving m CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM longshore.unique_key k
            WHERE k.queue = m.queue AND k.key = m.unique_key AND k.job = m.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE m.to_state > 2 AND m.unique_key IS NOT NULL AND longshore.gives_key_back(m.unique_scope, m.to_state)
          AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS MATERIALIZED (
        SELECT longshore.moved(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(g.state), array_agg(g.to_state),
                               array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, state, to_state, count(*) AS n FROM moving
              WHERE state <> to_state GROUP BY queue, kind, key, state, to_state) g
    )
    SELECT m.place::integer, m.id, m.queue, m.kind, m.worker, m.to_attempt, m.to_crashes, m.to_state, m.reason
    FROM moving m CROSS JOIN counted c; -- this is one row
END $$;

-- Applies the same event to each of some jobs, which this transaction has locked. If this fails for all together, it is
-- tried for each alone, so that a corrupt row, or a trigger that refuses a row, does not stop the others.
-- In:  distinct job ids, sorted; the event, see step.sql; the message; the reason; now; how long finished and dead jobs
--      are kept
-- Out: the moved jobs, see apply_event_to_all; how many failed, and the first error
CREATE FUNCTION longshore.apply_event_to_each(
    p_ids uuid[], p_event smallint, p_message text, p_why text, p_now bigint, p_keep_finished bigint, p_keep_dead bigint,
    OUT moved jsonb, OUT failed bigint, OUT error text
) LANGUAGE plpgsql AS $$
DECLARE
    v_id    uuid;
    v_moved jsonb;
BEGIN
    failed := 0;
    BEGIN
        moved := longshore.apply_event_to_all(p_ids, p_event, p_message, p_why, p_now, p_keep_finished, p_keep_dead);
        RETURN;
    EXCEPTION
        WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE; -- not caused by a row
        WHEN OTHERS THEN moved := '[]';
    END;
    FOREACH v_id IN ARRAY p_ids LOOP
        BEGIN
            v_moved := longshore.apply_event_to_all(ARRAY[v_id], p_event, p_message, p_why, p_now, p_keep_finished, p_keep_dead);
            moved := moved || v_moved;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE;
            WHEN OTHERS THEN
                failed := failed + 1;
                error := coalesce(error, format('job %s: %s', v_id, SQLERRM));
        END;
    END LOOP;
END $$;

-- Applies the same event to all of some jobs. Returns the moved ones as an array of objects.
CREATE FUNCTION longshore.apply_event_to_all(
    p_ids uuid[], p_event smallint, p_message text, p_why text, p_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all integer[] := ARRAY[cardinality(p_ids)];
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', h.id, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'attempt', h.attempt, 'crashes', h.crashes, 'state', h.state,
        'reason', h.reason)), '[]') FROM longshore.apply_event(
        p_ids, NULL, NULL, array_fill(p_event, v_all), NULL,
        CASE WHEN p_message IS NOT NULL THEN array_fill(p_message, v_all) END, CASE WHEN p_why IS NOT NULL THEN array_fill(p_why, v_all) END,
        NULL, p_now, p_keep_finished, p_keep_dead) h);
END $$;

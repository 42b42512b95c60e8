-- Writes how attempts ended, each only if the token is the job's newest.
-- In:  how many of the first outcomes end a job in any case: 0, 4 and 5 of step.sql; distinct job ids, sorted by id
--      within those and within the rest; numbers and bits of their tokens; outcomes; and, where they have values,
--      delays, failures, reasons, progress, and results: their media types, and bytes or the claim and size of an
--      artifact; how far tests moved the wall clock; how long finished and dead jobs are kept
-- Out: the positions of those whose token is lost
CREATE FUNCTION longshore.settle(
    p_certain integer, p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_outcomes smallint[], p_delays bigint[],
    p_messages text[], p_whys text[], p_progresses text[], p_result_types text[], p_results bytea[], p_artifacts bigint[],
    p_artifact_bytes bigint[], p_shift bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS SETOF integer LANGUAGE plpgsql /* steady, and bare */ AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := longshore.clock() + p_shift;
    v_ended integer[];
    v_moved integer[];
    v_counted boolean;
BEGIN
    -- These outcomes do not depend on the state of the job, so one pass is enough.
    WITH ended AS (
        DELETE FROM longshore.running j
        USING unnest(p_ids, p_numbers, p_bits, p_outcomes, p_messages, p_whys, p_progresses, p_result_types, p_results, p_artifacts,
                     p_artifact_bytes) WITH ORDINALITY
              AS a (id, number, bits, outcome, message, why, said, result_type, result, artifact, artifact_bytes, place)
        WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits AND a.place <= p_certain
        RETURNING j.*, a.outcome, CASE a.outcome WHEN 0 THEN 3::smallint ELSE a.outcome END AS state, a.message, a.why, a.said, a.result_type, a.result, a.artifact, a.artifact_bytes, a.place
    ), kept AS (
        INSERT INTO longshore.history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, artifact, artifact_bytes, outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt,
            max_attempts, granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason,
            result_type, result)
        SELECT e.seq, e.run_at, e.created_at, least(e.version, 1000000000000000) + 1, v_now,
               CASE e.outcome
                   WHEN 4 THEN v_now + p_keep_dead
                   WHEN 5 THEN v_now + p_keep_finished
                   -- A succeeded job may hold its key for a period; other final states release it.
                   ELSE longshore.kept_for_key(
                       greatest(v_now + p_keep_finished, CASE WHEN e.reuse_ms <= 1000000000000000 THEN v_now + e.reuse_ms END),
                       CASE WHEN e.unique_key IS NOT NULL AND NOT longshore.gives_key_back(e.unique_scope, 3::smallint) THEN (
                           SELECT u.until FROM longshore.unique_key u WHERE u.queue = e.queue AND u.key = e.unique_key AND u.job = e.id) END)
               END,
               e.deadline, e.unique_scope, e.reuse_ms, e.started_at, e.token_number, e.token_bits, e.artifact, e.artifact_bytes,
               e.outage_since, e.timeout_ms, e.granted_timeout_ms, e.interruptions, e.state,
               e.rank, e.attempt, e.max_attempts, e.granted_attempts, e.crashes, e.outages, e.cancel_asked, e.id, e.worker, e.queue, e.kind, e.payload, e.key, e.tags, e.alias, e.unique_key, e.reuse_key,
               coalesce(e.said, e.progress), CASE WHEN e.message IS NULL THEN e.failures ELSE longshore.with_failure(
                   e.failures, e.message, v_now, e.attempt, e.worker, longshore.failure_class(e.outcome, e.why), e.started_at,
                   e.token_number) END, e.why, e.result_type, e.result
        FROM ended e
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM longshore.unique_key u
        USING ended e CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM longshore.unique_key k
            WHERE k.queue = e.queue AND k.key = e.unique_key AND k.job = e.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE e.unique_key IS NOT NULL
          AND longshore.gives_key_back(e.unique_scope, e.state)
          AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        SELECT longshore.moved(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(2::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT e.queue, e.kind, e.key, e.state, count(*) AS n
              FROM ended e GROUP BY 1, 2, 3, 4) g
    )
    SELECT (SELECT array_agg(e.place) FROM ended e), (SELECT c.done FROM counted c) INTO v_ended, v_counted;
    IF cardinality(v_ended) = cardinality(p_ids) THEN
        RETURN;
    END IF;

    IF p_certain < cardinality(p_ids) THEN
        SELECT array_agg(p_certain + h.place) INTO v_moved FROM longshore.apply_event(
            p_ids[p_certain + 1:], p_numbers[p_certain + 1:], p_bits[p_certain + 1:], p_outcomes[p_certain + 1:],
            p_delays[p_certain + 1:], p_messages[p_certain + 1:], p_whys[p_certain + 1:], p_progresses[p_certain + 1:],
            v_now, p_keep_finished, p_keep_dead) h;
    END IF;

    -- A settle that was accepted before counts as done.
    RETURN QUERY
    SELECT a.place::integer FROM unnest(p_ids, p_numbers, p_bits) WITH ORDINALITY AS a (id, number, bits, place)
    WHERE a.place <> ALL (coalesce(v_ended, '{}')) AND a.place <> ALL (coalesce(v_moved, '{}'))
      AND (SELECT true FROM longshore.live j WHERE j.id = a.id AND j.settled_number = a.number AND j.settled_bits = a.bits) IS NULL
      AND (SELECT true FROM longshore.history h WHERE h.id = a.id AND h.settled_number = a.number AND h.settled_bits = a.bits) IS NULL;
END $$;

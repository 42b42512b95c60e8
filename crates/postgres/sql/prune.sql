-- Deleting finished jobs, a part of upkeep (upkeep.sql).

-- Deletes finished jobs whose retention period has ended. If this fails for all together, it is tried for each alone.
-- In:  the most jobs; how far tests moved the wall clock
-- Out: the number of deleted jobs; those that had artifacts, and the claims that created these; how many failed, and
--      the first error
CREATE FUNCTION longshore.prune(
    p_limit integer, p_shift bigint, OUT pruned bigint, OUT jobs uuid[], OUT claims bigint[], OUT failed bigint, OUT error text
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_now  bigint := longshore.clock() + p_shift;
    v_old  uuid[];
    v_id   uuid;
    v_gone record;
BEGIN
    failed := 0;
    v_old := ARRAY(
        SELECT h.id FROM longshore.history h WHERE h.keep_until <= v_now ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    BEGIN
        SELECT d.pruned, d.jobs, d.claims INTO pruned, jobs, claims FROM longshore.delete_finished(v_old) d;
        RETURN;
    EXCEPTION
        WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE; -- not caused by a row
        WHEN OTHERS THEN pruned := 0; jobs := '{}'; claims := '{}';
    END;
    FOREACH v_id IN ARRAY v_old LOOP
        BEGIN
            SELECT d.pruned, d.jobs, d.claims INTO v_gone FROM longshore.delete_finished(ARRAY[v_id]) d;
            pruned := pruned + v_gone.pruned;
            jobs := jobs || v_gone.jobs;
            claims := claims || v_gone.claims;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE;
            WHEN OTHERS THEN
                failed := failed + 1;
                error := coalesce(error, format('job %s: %s', v_id, SQLERRM));
        END;
    END LOOP;
END $$;

-- Deletes finished jobs, which this transaction has locked, with all that belongs to them.
CREATE FUNCTION longshore.delete_finished(p_ids uuid[], OUT pruned bigint, OUT jobs uuid[], OUT claims bigint[]) LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM longshore.history h USING unnest(p_ids) AS o (id) WHERE h.id = ANY (ARRAY[o.id]) RETURNING h.*
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM longshore.unique_key u
        USING gone g CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM longshore.unique_key k
            WHERE k.queue = g.queue AND k.key = g.unique_key AND k.job = g.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE g.unique_key IS NOT NULL AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), logs AS (
        DELETE FROM longshore.log l USING gone g WHERE l.job = ANY (ARRAY[g.id])
    ), payloads AS (
        DELETE FROM longshore.payload p USING gone g WHERE p.job = ANY (ARRAY[g.id])
    ), its AS MATERIALIZED (
        SELECT t.tag, g.seq FROM gone g CROSS JOIN LATERAL longshore.tags_of(g.tags) AS t (tag)
    ), untagged AS (
        DELETE FROM longshore.job_tag t USING its WHERE t.tag = ANY (ARRAY[its.tag]) AND t.seq = ANY (ARRAY[its.seq])
    ), counted AS MATERIALIZED (
        SELECT longshore.moved(array_agg(m.queue), array_agg(m.kind), array_agg(m.key), array_agg(m.state), array_agg(NULL::smallint),
                               array_agg(m.n)) AS done
        FROM (SELECT queue, kind, key, state, count(*) AS n FROM gone GROUP BY queue, kind, key, state) m
    )
    SELECT count(*), coalesce(array_agg(g.id) FILTER (WHERE g.artifact IS NOT NULL), '{}'),
           coalesce(array_agg(g.artifact) FILTER (WHERE g.artifact IS NOT NULL), '{}')
    INTO pruned, jobs, claims FROM gone g CROSS JOIN counted c; -- this is one row
END $$;

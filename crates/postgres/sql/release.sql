-- Takes all jobs from a worker that is surely gone, and refuses its later claims; reads the index of all that runs. Claims and
-- releases of one worker come one after the other by an advisory lock that ends with the transaction: a claim that was faster has
-- committed, and loses its jobs here.
-- In:  the worker; its lock; whether its process crashed; how far tests moved the wall clock; retention
-- Out: how many jobs were taken
CREATE FUNCTION longshore.release_worker(
    p_worker uuid, p_lock bigint, p_crashed boolean, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS bigint LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := longshore.clock() + p_shift;
    INSERT INTO longshore.worker (id, nonce, first_claim, released, seen) VALUES (p_worker, 0, 0, true, v_now)
    ON CONFLICT (id) DO UPDATE SET released = true, seen = excluded.seen;
    RETURN longshore.lose(
        longshore.held_by(p_worker), p_worker, NULL, p_crashed, v_now, p_keep_finished, p_keep_dead);
END $$;

-- Returns the jobs that a worker holds, in order of id.
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    -- OFFSET 0: else a walk through all rows in order of id looks as good as the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM longshore.running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;

-- Takes running jobs from their workers. A token leaves its row unsettled, so that a late settle hears `lost`.
-- In:  jobs, in order of id; only of this worker, or NULL; only if their leases ended before then or after there (an array of the
--      two), or NULL; whether their processes crashed; now; retention
-- Out: how many were taken
CREATE FUNCTION longshore.lose(
    p_ids uuid[], p_worker uuid, p_leases bigint[], p_crashed boolean, p_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[];
BEGIN
    -- Looked at again under the lock: who renewed, settled or released meanwhile was faster.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j
            WHERE j.id = a.id AND (p_worker IS NULL OR j.worker = p_worker)
              AND (p_leases IS NULL OR j.lease_until <= p_leases[1] OR j.lease_until > p_leases[2])
            FOR UPDATE
        ) j);
    RETURN (SELECT count(*) FROM longshore.happen(
        v_ids, NULL, NULL, array_fill(CASE WHEN p_crashed THEN 7 ELSE 6 END::smallint, ARRAY[cardinality(v_ids)]), NULL,
        CASE WHEN p_crashed THEN array_fill('the worker process died, or could not renew its lease'::text, ARRAY[cardinality(v_ids)]) END,
        NULL, NULL, p_now, p_keep_finished, p_keep_dead));
END $$;

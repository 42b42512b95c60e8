-- Takes all jobs from a worker that is surely gone, and refuses its later claims; reads the index of all that runs. Claims and
-- releases of one worker come one after the other by an advisory lock that ends with the transaction: a claim that was faster has
-- committed, and loses its jobs here.
-- In:  the worker; its lock; what went wrong where its process crashed, else NULL; how far tests moved the wall clock; retention
-- Out: the jobs that were taken, see happen_alike
CREATE FUNCTION longshore.release_worker(
    p_worker uuid, p_lock bigint, p_crash text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := longshore.clock() + p_shift;
    INSERT INTO longshore.worker (id, nonce, first_claim, released, seen) VALUES (p_worker, 0, 0, true, v_now)
    ON CONFLICT (id) DO UPDATE SET released = true, seen = excluded.seen;
    RETURN longshore.lose(longshore.held_by(p_worker), p_worker, p_crash, v_now, p_keep_finished, p_keep_dead);
END $$;

-- Returns the jobs that a worker holds, in order of id.
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    -- OFFSET 0: else a walk through all rows in order of id looks as good as the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM longshore.running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;

-- Takes running jobs from a worker. A token leaves its row unsettled, so that a late settle hears `lost`.
-- In:  jobs, in order of id; only of this worker; what went wrong where its process crashed, else NULL; now; retention
-- Out: those that were taken, see happen_alike
CREATE FUNCTION longshore.lose(
    p_ids uuid[], p_worker uuid, p_crash text, p_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[];
BEGIN
    -- Looked at again under the lock: who settled or released meanwhile was faster.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j WHERE j.id = a.id AND j.worker = p_worker FOR UPDATE
        ) j);
    RETURN longshore.happen_alike(
        v_ids, CASE WHEN p_crash IS NOT NULL THEN 7 ELSE 6 END::smallint, p_crash, NULL, p_now, p_keep_finished, p_keep_dead);
END $$;

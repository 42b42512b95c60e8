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
    RETURN longshore.lose(longshore.held_by(p_worker), p_worker, p_crashed, v_now, p_keep_finished, p_keep_dead);
END $$;

-- Returns the jobs that a worker holds, in order of id.
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    -- OFFSET 0: else a walk through all rows in order of id looks as good as the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM longshore.running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;

-- Takes running jobs from a worker. A token leaves its row unsettled, so that a late settle hears `lost`.
-- In:  jobs, in order of id; only of this worker; whether its process crashed; now; retention
-- Out: how many were taken
CREATE FUNCTION longshore.lose(
    p_ids uuid[], p_worker uuid, p_crashed boolean, p_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[];
BEGIN
    -- Looked at again under the lock: who settled or released meanwhile was faster.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j WHERE j.id = a.id AND j.worker = p_worker FOR UPDATE
        ) j);
    RETURN longshore.happen_alike(
        v_ids, CASE WHEN p_crashed THEN 7 ELSE 6 END::smallint, CASE WHEN p_crashed THEN longshore.crash_message() END, NULL, p_now,
        p_keep_finished, p_keep_dead);
END $$;

-- Says what went wrong where a worker process crashed.
CREATE FUNCTION longshore.crash_message() RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'the worker process died, or could not renew its lease'
$$;

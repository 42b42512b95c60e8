-- Takes all jobs from a worker that is surely gone, and refuses its later claims; reads the index of all that runs. Claims and
-- releases of one worker come one after the other by an advisory lock that ends with the transaction: a claim that was faster has
-- committed, and loses its jobs here.
-- In:  the worker; its lock; what went wrong where its process crashed, else NULL; how far tests moved the wall clock; retention
-- Out: the jobs that were taken, see happen_alike; how many could not be, whose leases end, and why the first of them could not
CREATE FUNCTION longshore.release_worker(
    p_worker uuid, p_lock bigint, p_crash text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint,
    OUT taken jsonb, OUT failed bigint, OUT error text
) LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now bigint;
    v_ids uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := longshore.clock() + p_shift;
    INSERT INTO longshore.worker (id, nonce, first_claim, released, seen) VALUES (p_worker, 0, 0, true, v_now)
    ON CONFLICT (id) DO UPDATE SET released = true, seen = excluded.seen;
    -- Looked at again under the lock: who settled or released meanwhile was faster.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(longshore.held_by(p_worker)) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j WHERE j.id = a.id AND j.worker = p_worker FOR UPDATE
        ) j);
    -- A token leaves its row unsettled, so that a late settle hears `lost`.
    SELECT h.moved, h.failed, h.error INTO taken, failed, error FROM longshore.happen_apart(
        v_ids, CASE WHEN p_crash IS NOT NULL THEN 7 ELSE 6 END::smallint, p_crash, NULL, v_now, p_keep_finished, p_keep_dead) h;
END $$;

-- Returns the jobs that a worker holds, in order of id.
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    -- OFFSET 0: else a walk through all rows in order of id looks as good as the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM longshore.running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;

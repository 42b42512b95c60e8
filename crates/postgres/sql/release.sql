-- Takes all jobs from a worker that is certainly gone, and refuses its later claims. Reads the index of all running
-- jobs. Claims and releases of one worker are serialised by an advisory lock that ends with the transaction: an earlier
-- claim has committed, and its jobs are taken here.
-- In:  the worker; its lock; the failure message if its process crashed, otherwise NULL; how far tests moved the wall
--      clock; the retention periods
-- Out: the released jobs, see apply_event_to_all; how many failed and wait for their leases to end, and the first error
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
    -- Checked again under the lock, because the jobs may have been settled or released meanwhile.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(longshore.held_by(p_worker)) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.running j WHERE j.id = a.id AND j.worker = p_worker FOR UPDATE
        ) j);
    -- The token leaves its row without a settle, so that a late settle answers `lost`.
    SELECT h.moved, h.failed, h.error INTO taken, failed, error FROM longshore.apply_event_to_each(
        v_ids, longshore.event(CASE WHEN p_crash IS NOT NULL THEN 'crashed' ELSE 'interrupted' END), p_crash, NULL, v_now, p_keep_finished, p_keep_dead) h;
END $$;

-- Returns the jobs that a worker holds, sorted by id.
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    -- Without OFFSET 0, the planner may prefer a scan of all rows in order of id to the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM longshore.running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;

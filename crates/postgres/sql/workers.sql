-- The registry of workers.

-- Writes the registry entry of a live worker.
-- In:  the worker; its description of itself; how far tests moved the wall clock
CREATE FUNCTION longshore.note_worker(p_id uuid, p_note text, p_shift bigint) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_now bigint := longshore.clock() + p_shift;
BEGIN
    INSERT INTO longshore.worker_note AS w (id, since, seen, note) VALUES (p_id, v_now, v_now, p_note)
    ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, note = excluded.note;
END $$;

-- Removes a worker that has ended.
CREATE FUNCTION longshore.forget_worker(p_id uuid) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    DELETE FROM longshore.worker_note w WHERE w.id = p_id;
    DELETE FROM longshore.waiter w WHERE w.worker = p_id;
END $$;

-- In:  the worker to start after, NULL: from the first; a limit
-- Out: workers, sorted by id
CREATE FUNCTION longshore.workers(p_after uuid, p_limit integer) RETURNS SETOF longshore.worker_note ROWS 200
LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM longshore.worker_note w
    WHERE w.id >= coalesce(p_after, '00000000-0000-0000-0000-000000000000') AND w.id IS DISTINCT FROM p_after ORDER BY w.id LIMIT p_limit;
END $$;

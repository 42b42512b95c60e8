-- Performs an action on one job.
-- In:  the job; 'cancel', 'retry' or 'delete'; how far tests moved the wall clock; the retention periods
-- Out: 'done', 'not', 'unknown' or 'conflict'; the job's state, after the action if it was done; the holder of the
--      unique key
CREATE FUNCTION longshore.act(
    p_id uuid, p_action text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint,
    OUT answer text, OUT state smallint, OUT other uuid
) LANGUAGE plpgsql /* steady */ AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := longshore.clock() + p_shift;
    v_state smallint;
    v_ended longshore.history;
    v_key   record;
BEGIN
    answer := 'unknown';
    -- A job may move between the tables while this runs or waits for its row, so it tries again.
    FOR n IN 1..10 LOOP
        SELECT j.state INTO v_state FROM longshore.waiting j WHERE j.id = p_id FOR UPDATE;
        IF NOT FOUND THEN
            SELECT 2 INTO v_state FROM longshore.running j WHERE j.id = p_id FOR UPDATE;
        END IF;
        IF FOUND THEN
            state := (SELECT h.state FROM longshore.apply_event(
                ARRAY[p_id], NULL, NULL, ARRAY[longshore.event(p_action)],
                NULL, NULL, NULL, NULL, v_now, p_keep_finished, p_keep_dead) h);
            answer := CASE WHEN state IS NULL THEN 'not' ELSE 'done' END;
            state := coalesce(state, v_state);
            RETURN;
        END IF;
        SELECT * INTO v_ended FROM longshore.history h WHERE h.id = p_id FOR UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    IF v_ended.id IS NULL THEN
        RETURN;
    END IF;

    answer := 'done';
    state := v_ended.state;
    IF p_action = 'delete' THEN
        -- Upkeep deletes the job with its artifact, because only upkeep deletes artifacts. Time 0 makes it due at any
        -- time of the clock.
        UPDATE longshore.history h SET keep_until = 0 WHERE h.id = p_id;
    ELSIF p_action <> 'retry' OR v_ended.state = 3 THEN
        answer := 'not';
    ELSE
        IF v_ended.unique_key IS NOT NULL THEN
            SELECT * INTO v_key FROM longshore.take_key(v_ended.queue, v_ended.unique_key, p_id, v_ended.unique_scope, v_now);
            IF v_key.holder <> p_id THEN
                answer := 'conflict';
                other := v_key.holder;
                RETURN;
            END IF;
        END IF;
        DELETE FROM longshore.history h WHERE h.id = p_id;
        -- A retry by hand ignores an earlier deadline: the job has no deadline any more.
        INSERT INTO longshore.waiting (
            seq, run_at, created_at, version, unique_scope, reuse_ms, started_at, settled_number, settled_bits, timeout_ms,
            granted_timeout_ms, interruptions, state, rank, attempt, max_attempts, granted_attempts, crashes, outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
            progress, failures)
        SELECT v_ended.seq, v_now + n.wait, v_ended.created_at, v_ended.version + 1, v_ended.unique_scope, v_ended.reuse_ms,
               v_ended.started_at, v_ended.settled_number, v_ended.settled_bits, v_ended.timeout_ms,
               v_ended.granted_timeout_ms, n.to_interruptions, n.to_state, v_ended.rank, n.to_attempt, v_ended.max_attempts,
               v_ended.granted_attempts, n.to_crashes, n.to_outages, p_id, v_ended.worker, v_ended.queue,
               v_ended.kind, v_ended.payload, v_ended.key, v_ended.tags, v_ended.alias, v_ended.unique_key, v_ended.reuse_key,
               v_ended.progress, v_ended.failures
        FROM longshore.step(v_ended.state, v_ended.attempt, v_ended.crashes, v_ended.interruptions, v_ended.outages,
                            v_ended.cancel_asked, longshore.event('retry'), 0, NULL) n;
        PERFORM longshore.moved(ARRAY[v_ended.queue], ARRAY[v_ended.kind], ARRAY[v_ended.key], ARRAY[v_ended.state], '{1}', '{1}');
        state := 1;
    END IF;
END $$;

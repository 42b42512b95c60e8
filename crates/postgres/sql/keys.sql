-- Returns whether a job with that id was pushed and is not deleted.
CREATE FUNCTION longshore.is_known(p_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM longshore.live WHERE id = p_id) OR EXISTS (SELECT 1 FROM longshore.history WHERE id = p_id);
END $$;

-- Returns the jobs among these that run or are final.
CREATE FUNCTION longshore.started(p_ids uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT n.id FROM unnest(p_ids) AS n (id) CROSS JOIN LATERAL (
        (SELECT 1 FROM longshore.running j WHERE j.id = n.id LIMIT 1) UNION ALL (SELECT 1 FROM longshore.history h WHERE h.id = n.id LIMIT 1)
        LIMIT 1) found;
END $$;

-- The rules of unique keys: the same as in core/src/state/unique.rs, which a test compares with these. A scope is a
-- number, see job.unique_scope. As functions of one expression they are inlined by the planner, so they add no cost.

-- Returns whether a job releases its unique key when it enters that state.
CREATE FUNCTION longshore.gives_key_back(scope bigint, to_state smallint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE scope WHEN 0 THEN to_state >= 2 WHEN 1 THEN to_state > 2 ELSE to_state > 3 END
$$;

-- Returns until when a job holds a key that it takes now, unless it releases it earlier; NULL if the time is not
-- limited.
CREATE FUNCTION longshore.key_until(scope bigint, now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN scope >= 2 THEN now + scope - 2 END
$$;

-- Returns whether a key is still held that was taken until this time and was not released.
CREATE FUNCTION longshore.holds_key(until bigint, now bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT until IS NULL OR until > now
$$;

-- Returns until when to keep a finished job that holds its key until this time. The row holds the key, so it is kept at
-- least as long.
CREATE FUNCTION longshore.kept_for_key(keep_until bigint, until bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(keep_until, until)
$$;

-- Takes a unique key for a job, unless another job holds it. Never locks the row of the holder: a push in a long
-- transaction would then keep that job from ending.
-- In:  queue and key; the job; how long it holds the key, see job.unique_scope; now
-- Out: the job that holds the key, and whether it was taken by this call
CREATE FUNCTION longshore.take_key(p_queue text, p_key text, p_job uuid, p_scope bigint, p_now bigint, OUT holder uuid, OUT taken boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_until bigint := longshore.key_until(p_scope, p_now);
    v_held  longshore.unique_key;
BEGIN
    LOOP
        holder := p_job;
        taken := true;
        INSERT INTO longshore.unique_key (queue, key, job, until) VALUES (p_queue, p_key, p_job, v_until) ON CONFLICT DO NOTHING;
        IF FOUND THEN RETURN; END IF;
        SELECT * INTO v_held FROM longshore.unique_key WHERE queue = p_queue AND key = p_key;
        IF FOUND AND longshore.holds_key(v_held.until, p_now) THEN
            holder := v_held.job;
            taken := false;
            RETURN;
        END IF;
        UPDATE longshore.unique_key SET job = p_job, until = v_until
        WHERE queue = p_queue AND key = p_key AND job = v_held.job AND until = v_held.until; -- its period has passed
        IF FOUND THEN RETURN; END IF;
    END LOOP;
END $$;

-- Finds an existing job that is used instead of a new job with keys. Takes the keys if there is none.
-- In:  the job, see push_batch
-- Out: the existing job, NULL if the new job must be inserted; and why it is used, see push_batch
CREATE FUNCTION longshore.resolve_keys(
    p_id uuid, p_queue text, p_unique_key text, p_unique_scope bigint, p_reuse_key text, p_reuse_ms bigint,
    p_idempotency_key text, p_fingerprint bytea, p_now bigint, OUT other uuid, OUT instead smallint
) LANGUAGE plpgsql AS $$
DECLARE
    v_asked   boolean := false;     -- first use of this idempotency key: store the answer
    v_earlier longshore.idempotency;
    v_key     record;
    v_how     smallint;
BEGIN
    WHILE p_idempotency_key IS NOT NULL LOOP
        INSERT INTO longshore.idempotency (queue, key, fingerprint, job, instead, until)
        VALUES (p_queue, p_idempotency_key, p_fingerprint, p_id, 0, p_now + 86400000) ON CONFLICT DO NOTHING;
        v_asked := FOUND;
        EXIT WHEN v_asked;
        UPDATE longshore.idempotency a SET fingerprint = p_fingerprint, job = p_id, instead = 0, until = p_now + 86400000
        WHERE a.queue = p_queue AND a.key = p_idempotency_key AND a.until <= p_now AND NOT longshore.is_known(a.job);
        v_asked := FOUND;
        EXIT WHEN v_asked;
        SELECT * INTO v_earlier FROM longshore.idempotency a WHERE a.queue = p_queue AND a.key = p_idempotency_key;
        EXIT WHEN FOUND;
    END LOOP;

    -- A call that waited above for an earlier push of the same job sees it now. The same applies after taking the
    -- unique key.
    IF longshore.is_known(p_id) THEN
        other := p_id;
        instead := 0;
    ELSIF v_earlier.job IS NOT NULL THEN
        other := v_earlier.job;
        instead := CASE WHEN v_earlier.fingerprint = p_fingerprint THEN v_earlier.instead ELSE 3 END;
    ELSE
        SELECT h.id, 2 INTO other, instead FROM longshore.history h
        WHERE h.state = 3 AND h.queue = p_queue AND h.reuse_key = p_reuse_key AND h.finished_at > p_now - p_reuse_ms
        ORDER BY h.finished_at DESC, h.seq DESC LIMIT 1;
        IF other IS NULL AND p_unique_key IS NOT NULL THEN
            SELECT * INTO v_key FROM longshore.take_key(p_queue, p_unique_key, p_id, p_unique_scope, p_now);
            IF NOT v_key.taken THEN
                other := v_key.holder;
                instead := CASE WHEN other = p_id THEN 0 ELSE 1 END;
            ELSIF longshore.is_known(p_id) THEN
                DELETE FROM longshore.unique_key WHERE queue = p_queue AND key = p_unique_key;
                other := p_id;
                instead := 0;
            END IF;
        END IF;
    END IF;

    IF v_asked AND other = p_id AND longshore.is_known(p_id) THEN
        DELETE FROM longshore.idempotency WHERE queue = p_queue AND key = p_idempotency_key;
    ELSIF v_asked AND other IS NOT NULL THEN
        v_how := instead;
        UPDATE longshore.idempotency a SET job = other, instead = v_how WHERE a.queue = p_queue AND a.key = p_idempotency_key;
    END IF;
END $$;

-- Stops handing out jobs of a queue; replaces an earlier pause.
-- In:  the queue; when it ends, in how many milliseconds or at which moment, or NULLs; why; who asks; how far tests moved the clock
-- Out: since when, and until when
CREATE FUNCTION longshore.pause(
    p_queue text, p_delay bigint, p_moment bigint, p_reason text, p_by text, p_shift bigint, OUT since bigint, OUT until bigint
) LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    since := longshore.clock() + p_shift;
    until := coalesce(p_moment, since + p_delay);
    INSERT INTO longshore.queue (name, paused_since, paused_until, paused_reason, paused_by)
    VALUES (p_queue, since, until, p_reason, p_by)
    ON CONFLICT (name) DO UPDATE
    SET paused_since = excluded.paused_since, paused_until = excluded.paused_until, paused_reason = excluded.paused_reason,
        paused_by = excluded.paused_by;
END $$;

-- Hands out jobs of a queue again.
-- In:  the queue; how far tests moved the clock
-- Out: whether it was paused
CREATE FUNCTION longshore.resume(p_queue text, p_shift bigint) RETURNS boolean LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_until bigint;
BEGIN
    SELECT coalesce(q.paused_until, 9223372036854775807) INTO v_until FROM longshore.queue q
    WHERE q.name = p_queue AND q.paused_since IS NOT NULL FOR UPDATE;
    UPDATE longshore.queue SET paused_since = NULL, paused_until = NULL, paused_reason = NULL, paused_by = NULL
    WHERE name = p_queue AND paused_since IS NOT NULL;
    RETURN coalesce(v_until > longshore.clock() + p_shift, false);
END $$;

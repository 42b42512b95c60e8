-- Says how many jobs of a queue may be handed out now. The same answer as `admit` in core/src/store/rules.rs, which a test compares with
-- this one; the one place where claims look at rules.
-- In:  the level of the queue's rules, and that which the program knows; when the pause ends, see queue.paused_until; now
-- Out: one row: most jobs, NULL: any number; what is in the way of more, and until when, where it ends by itself
CREATE FUNCTION longshore.admit(level integer, known_level integer, paused_until bigint, now bigint)
RETURNS TABLE (most bigint, why text, until bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN level > known_level OR paused_until > now THEN 0 END::bigint,
           CASE WHEN level > known_level THEN 'unknown_rule' WHEN paused_until > now THEN 'paused' END,
           CASE WHEN level > known_level THEN NULL WHEN paused_until > now THEN nullif(paused_until, 9223372036854775807) END
$$;

-- Replaces the rules of a queue, if they still have the version that is expected.
-- In:  the queue; that version; the rules; their level; when their pause ends, see queue.paused_until; how far tests moved the wall clock
-- Out: whether they were; the version and the rules that hold now
CREATE FUNCTION longshore.change_rules(
    p_queue text, p_expected bigint, p_rules text, p_level integer, p_paused_until bigint, p_shift bigint,
    OUT changed boolean, OUT version bigint, OUT rules text
) LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    LOOP
        IF p_expected = 0 THEN
            INSERT INTO longshore.queue (name) VALUES (p_queue) ON CONFLICT DO NOTHING;
        END IF;
        SELECT q.rules_version, q.rules INTO version, rules FROM longshore.queue q WHERE q.name = p_queue FOR UPDATE;
        EXIT WHEN FOUND OR p_expected <> 0; -- else it was forgotten in between
    END LOOP;
    version := coalesce(version, 0);
    changed := version = p_expected;
    IF changed THEN
        version := version + 1;
        rules := p_rules;
        UPDATE longshore.queue q
        SET rules = p_rules, rules_version = p_expected + 1, rules_level = p_level, paused_until = p_paused_until,
            used_at = longshore.clock() + p_shift
        WHERE q.name = p_queue;
    END IF;
END $$;

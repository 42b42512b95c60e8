-- Returns how many jobs of a queue may be claimed now. The same as `admit` in core/src/store/rules.rs, which a test
-- compares with this one. It is the only place where claims check rules.
-- In:  the level of the queue's rules, and the level that the program knows; when the pause ends, see
--      queue.paused_until; now
-- Out: one row: the most jobs, NULL: no limit; the reason for the limit, and until when, if it ends by itself
CREATE FUNCTION longshore.admit(level integer, known_level integer, paused_until bigint, now bigint)
RETURNS TABLE (most bigint, why text, until bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN level > known_level OR paused_until > now THEN 0 END::bigint,
           CASE WHEN level > known_level THEN 'unknown_rule' WHEN paused_until > now THEN 'paused' END,
           CASE WHEN level > known_level THEN NULL WHEN paused_until > now THEN nullif(paused_until, 9223372036854775807) END
$$;

-- Replaces the rules of a queue if they still have the expected version.
-- In:  the queue; that version; the rules; their level; when their pause ends, see queue.paused_until; how far tests
--      moved the wall clock
-- Out: whether they were replaced; the present version and rules
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
        EXIT WHEN FOUND OR p_expected <> 0; -- otherwise it was removed in between
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

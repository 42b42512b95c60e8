-- Reads jobs. All of these see one moment, that of the statement they are called in. ROWS keeps the server from compiling a
-- statement that calls them, which would take longer than the call.

-- In:  job ids
-- Out: the places of those that are known, and everything about them
CREATE FUNCTION longshore.get(p_ids uuid[]) RETURNS TABLE (place bigint, job longshore.snapshot) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.place, ROW(s.*)::longshore.snapshot FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (SELECT * FROM longshore.snapshot s WHERE s.id = a.id LIMIT 1) s;
END $$;

-- The part of it that somebody who waits needs.
CREATE FUNCTION longshore.status(p_ids uuid[]) RETURNS TABLE (
    place bigint, state smallint, attempt smallint, max_attempts smallint, progress text, reason text, message text, version bigint
) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.place, s.* FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (
        SELECT s.state, s.attempt, s.max_attempts, s.progress, s.reason, s.failures -> -1 ->> 'message', s.version
        FROM longshore.snapshot s WHERE s.id = a.id LIMIT 1
    ) s;
END $$;

-- In:  an alias
-- Out: the newest job that has it
CREATE FUNCTION longshore.find(p_alias text) RETURNS uuid LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN (SELECT f.id FROM (
        (SELECT j.id, j.seq FROM longshore.live j WHERE j.alias = p_alias ORDER BY j.seq DESC LIMIT 1)
        UNION ALL
        (SELECT h.id, h.seq FROM longshore.history h WHERE h.alias = p_alias ORDER BY h.seq DESC LIMIT 1)
    ) f ORDER BY f.seq DESC LIMIT 1);
END $$;

-- Lists jobs, the newest first, looking at a bounded number of rows.
-- In:  before which job; how many; of which queue, kind, state, tag and key, or NULLs; how many rows to look at
-- Out: the places of jobs in the order of pushes, newest first; and in each row where to go on, NULL at the end. One row at least.
CREATE FUNCTION longshore.list(
    p_end bigint, p_limit integer, p_queue text, p_kind text, p_state smallint, p_tag text, p_key text, p_scan integer
) RETURNS TABLE (seq bigint, next bigint) ROWS 200 LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
DECLARE
    v_all   boolean := p_queue IS NULL AND p_kind IS NULL AND p_state IS NULL AND p_tag IS NULL AND p_key IS NULL;
    v_scan  integer := CASE WHEN v_all THEN p_limit ELSE p_scan END;
    v_row   record;
    v_seen  integer := 0;
    v_found bigint[] := '{}';
BEGIN
    FOR v_row IN
        SELECT every.seq, coalesce(every.queue = p_queue, p_queue IS NULL) AND coalesce(every.kind = p_kind, p_kind IS NULL)
               AND coalesce(every.state = p_state, p_state IS NULL) AND coalesce(every.tags ? p_tag, p_tag IS NULL)
               AND coalesce(every.key = p_key, p_key IS NULL) AS fits
        FROM (
            (SELECT j.seq, j.queue, j.kind, j.state, j.tags, j.key FROM longshore.waiting j
             WHERE j.seq < p_end AND coalesce(p_state < 2, true) AND p_tag IS NULL ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT j.seq, j.queue, j.kind, 2::smallint, j.tags, j.key FROM longshore.running j
             WHERE j.seq < p_end AND coalesce(p_state = 2, true) AND p_tag IS NULL ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM longshore.history h
             WHERE h.seq < p_end AND coalesce(p_state > 2 AND p_state <> 4, true) AND p_tag IS NULL ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- the few that are dead, by an index of their own
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM longshore.history h
             WHERE h.state = 4 AND h.seq < p_end AND p_state = 4 AND p_tag IS NULL ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- those with a tag, by its index
            (SELECT t.seq, j.queue, j.kind, j.state, j.tags, j.key FROM (
                SELECT t.seq FROM longshore.job_tag t WHERE t.tag = p_tag AND t.seq < p_end ORDER BY t.seq DESC LIMIT v_scan + 1
             ) t LEFT JOIN LATERAL (
                SELECT j.queue, j.kind, j.state, j.tags, j.key FROM longshore.live j WHERE j.seq = t.seq
                UNION ALL SELECT h.queue, h.kind, h.state, h.tags, h.key FROM longshore.history h WHERE h.seq = t.seq LIMIT 1
             ) j ON true)
        ) every
        ORDER BY every.seq DESC
    LOOP
        IF cardinality(v_found) = p_limit OR v_seen = v_scan THEN
            next := v_row.seq + 1;
            EXIT;
        END IF;
        v_seen := v_seen + 1;
        IF v_row.fits THEN
            v_found := v_found || v_row.seq;
        END IF;
    END LOOP;
    IF v_found = '{}' THEN
        RETURN NEXT;
    END IF;
    FOREACH seq IN ARRAY v_found LOOP
        RETURN NEXT;
    END LOOP;
END $$;

-- In:  places in the order of pushes
-- Out: everything about those jobs
CREATE FUNCTION longshore.at(p_seq bigint) RETURNS SETOF longshore.snapshot ROWS 1 LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM longshore.snapshot s WHERE s.seq = p_seq;
END $$;

-- Every queue with its counts; adds up changes and never counts jobs.
-- In:  how far tests moved the wall clock
-- Out: by name; how long the job that has been ready longest has waited, in ms; its rules, NULL: none; and now
CREATE FUNCTION longshore.queues(p_shift bigint) RETURNS TABLE (
    name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint,
    rules text, rules_version bigint, now bigint
) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := longshore.clock() + p_shift;
BEGIN
    RETURN QUERY
    SELECT c.name, sum(c.scheduled)::bigint, sum(c.ready)::bigint, sum(c.running)::bigint, sum(c.succeeded)::bigint,
           sum(c.dead)::bigint, sum(c.cancelled)::bigint, v_now - longshore.oldest_ready(c.name), q.rules, coalesce(q.rules_version, 0),
           v_now
    FROM (
        SELECT queue AS name, scheduled, ready, running, succeeded, dead, cancelled FROM longshore.count_change
        UNION ALL SELECT name, scheduled, ready, running, succeeded, dead, cancelled FROM longshore.queue
    ) c
    LEFT JOIN longshore.queue q ON q.name = c.name
    GROUP BY c.name, q.rules, q.rules_version
    ORDER BY c.name;
END $$;

-- When the job was due that has been ready longest: from one kind and priority in use to the next, by one seek each.
CREATE FUNCTION longshore.oldest_ready(p_queue text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_oldest bigint;
    v_next   record;
    v_alone  integer := -1;
    v_kind   text := '';
    v_rank   smallint := 0;
BEGIN
    LOOP
        SELECT j.crashes / 2 AS alone, j.kind, j.rank, j.run_at INTO v_next FROM longshore.waiting j
        WHERE j.state = 1 AND j.queue = p_queue AND (j.crashes / 2, j.kind, j.rank) > (v_alone, v_kind, v_rank)
        ORDER BY j.crashes / 2, j.kind, j.rank, j.run_at LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_oldest := least(v_oldest, v_next.run_at);
        v_alone := v_next.alone;
        v_kind := v_next.kind;
        v_rank := v_next.rank;
    END LOOP;
    RETURN v_oldest;
END $$;

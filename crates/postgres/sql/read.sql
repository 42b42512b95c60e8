-- Reads jobs. All of these see the moment of the calling statement. ROWS keeps the server from compiling a statement
-- that calls them, which would take longer than the call.

-- In:  job ids
-- Out: the positions of the existing jobs, and their complete records
CREATE FUNCTION longshore.get(p_ids uuid[]) RETURNS TABLE (place bigint, job longshore.snapshot) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.place, ROW(s.*)::longshore.snapshot FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (SELECT * FROM longshore.snapshot s WHERE s.id = a.id LIMIT 1) s;
END $$;

-- Returns the part of the record that a waiting client needs.
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

-- Lists jobs, newest first. It reads a limited number of rows.
-- In:  the job to start before; a limit; queue, kind, state, tag and key, or NULLs; how many rows to read
-- Out: the positions of jobs in the order of pushes, newest first; and in each row where to continue, NULL at the end.
--      At least one row.
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
            UNION ALL -- the few dead jobs, by their own index
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM longshore.history h
             WHERE h.state = 4 AND h.seq < p_end AND p_state = 4 AND p_tag IS NULL ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- jobs with a tag, by its index
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

-- In:  positions in the order of pushes
-- Out: the complete records of these jobs
CREATE FUNCTION longshore.at(p_seq bigint) RETURNS SETOF longshore.snapshot ROWS 1 LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM longshore.snapshot s WHERE s.seq = p_seq;
END $$;

-- Returns a page of the queues with their counts. Adds up changes and never counts jobs.
-- In:  the name to start after; the most queues; how far tests moved the wall clock
-- Out: sorted by name, see queue_stats
CREATE FUNCTION longshore.queues(p_after text, p_limit integer, p_shift bigint) RETURNS TABLE (
    name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint,
    rules text, rules_version bigint, now bigint
) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := longshore.clock() + p_shift;
BEGIN
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT n.name FROM (
            (SELECT q.name FROM longshore.queue q WHERE q.name > p_after ORDER BY q.name LIMIT p_limit)
            UNION SELECT c.queue FROM longshore.count_change c WHERE c.queue > p_after -- possibly not in `queue` yet
        ) n ORDER BY n.name LIMIT p_limit
    ), changed AS MATERIALIZED (
        SELECT c.queue AS name, sum(c.scheduled) AS scheduled, sum(c.ready) AS ready, sum(c.running) AS running,
               sum(c.succeeded) AS succeeded, sum(c.dead) AS dead, sum(c.cancelled) AS cancelled
        FROM longshore.count_change c WHERE c.queue > p_after AND c.queue <= (SELECT max(n.name) FROM named n) GROUP BY c.queue
    )
    SELECT n.name, (coalesce(q.scheduled, 0) + coalesce(c.scheduled, 0))::bigint, (coalesce(q.ready, 0) + coalesce(c.ready, 0))::bigint,
           (coalesce(q.running, 0) + coalesce(c.running, 0))::bigint, (coalesce(q.succeeded, 0) + coalesce(c.succeeded, 0))::bigint,
           (coalesce(q.dead, 0) + coalesce(c.dead, 0))::bigint, (coalesce(q.cancelled, 0) + coalesce(c.cancelled, 0))::bigint,
           v_now - longshore.oldest_ready(n.name), q.rules, coalesce(q.rules_version, 0), v_now
    FROM named n
    LEFT JOIN changed c ON c.name = n.name
    LEFT JOIN LATERAL (SELECT * FROM longshore.queue q WHERE q.name = n.name LIMIT 1) q ON true
    ORDER BY n.name;
END $$;

-- Returns one queue with its counts. Adds up changes and never counts jobs.
-- In:  its name; how far tests moved the wall clock
-- Out: one row, or none if the queue does not exist: its counts; how long the job has waited that has been ready
--      longest, in ms; its rules, NULL: none; and now
CREATE FUNCTION longshore.queue_stats(p_queue text, p_shift bigint) RETURNS TABLE (
    name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint,
    rules text, rules_version bigint, now bigint
) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := longshore.clock() + p_shift;
BEGIN
    RETURN QUERY
    SELECT c.name, sum(c.scheduled)::bigint, sum(c.ready)::bigint, sum(c.running)::bigint, sum(c.succeeded)::bigint,
           sum(c.dead)::bigint, sum(c.cancelled)::bigint, v_now - longshore.oldest_ready(p_queue), max(c.rules),
           max(c.rules_version), v_now
    FROM (
        SELECT q.name, q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled, q.rules, q.rules_version
        FROM longshore.queue q WHERE q.name = p_queue
        UNION ALL
        SELECT c.queue, c.scheduled, c.ready, c.running, c.succeeded, c.dead, c.cancelled, NULL, 0
        FROM longshore.count_change c WHERE c.queue = p_queue
    ) c GROUP BY c.name;
END $$;

-- Returns when the job was due that has been ready longest. Goes from one used kind and priority to the next, with one
-- seek each.
CREATE FUNCTION longshore.oldest_ready(p_queue text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_oldest bigint;
    v_next   record;
    v_isolated  integer := -1;
    v_kind   text := '';
    v_rank   smallint := 0;
BEGIN
    LOOP
        SELECT j.crashes / 2 AS isolated, j.kind, j.rank, j.run_at INTO v_next FROM longshore.waiting j
        WHERE j.state = 1 AND j.queue = p_queue AND (j.crashes / 2, j.kind, j.rank) > (v_isolated, v_kind, v_rank)
        ORDER BY j.crashes / 2, j.kind, j.rank, j.run_at LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_oldest := least(v_oldest, greatest(v_next.run_at, 0)); -- a corrupt number must not make the sum overflow
        v_isolated := v_next.isolated;
        v_kind := v_next.kind;
        v_rank := v_next.rank;
    END LOOP;
    RETURN v_oldest;
END $$;

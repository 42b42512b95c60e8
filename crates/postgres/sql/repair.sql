-- Finds what other programs have changed, and repairs it: a walk in parts. Each call is a transaction that looks at a limited number of rows; only
-- the recount reads all jobs, in one statement that locks none. One statement, and functions that are STABLE, read a row and decide whether it fits
-- the others: so all rows are seen as they were at one moment, although jobs move.

-- Makes one finding of an answer.
-- In:  the queue and the job that it concerns, or NULL; what is wrong; whether it is repaired
-- Out: an array of one object
CREATE FUNCTION longshore.finding(p_queue text, p_job uuid, p_what text, p_repaired boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_array(jsonb_build_object('queue', p_queue, 'job', p_job, 'what', p_what, 'repaired', p_repaired))
$$;

-- Repairs one thing. One that cannot be repaired does not stop the others.
-- In:  see finding; the statement that repairs it
-- Out: a finding
CREATE FUNCTION longshore.repaired(p_queue text, p_job uuid, p_what text, p_repair text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    EXECUTE p_repair;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN longshore.finding(p_queue, p_job, p_what, v_rows > 0);
EXCEPTION
    WHEN transaction_rollback OR insufficient_resources THEN RAISE; -- not caused by the row
    WHEN OTHERS THEN RETURN longshore.not_repaired(p_queue, p_job, p_what, SQLSTATE, SQLERRM);
END $$;

-- Makes the finding of something that cannot be repaired. After a lock that was not free in time, the rest of this call waits for no lock: a
-- table that somebody has locked would otherwise delay it by a second per row.
-- In:  see finding; code and message of the error
CREATE FUNCTION longshore.not_repaired(p_queue text, p_job uuid, p_what text, p_code text, p_error text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF p_code = '55P03' THEN -- lock_not_available
        PERFORM set_config('lock_timeout', '1', true);
    END IF;
    RETURN longshore.finding(p_queue, p_job, format('%s; it cannot be repaired: %s', p_what, p_error), false);
END $$;

-- Looks for rows that belong to jobs which are gone, or have nothing to do with them, and deletes them.
-- In:  the part: 'keys', 'tags', 'payloads', 'logs' or 'chunks'; the keys of the row to start after, an array, or NULL; the most rows; whether to
--      repair; now
-- Out: findings; how many rows were looked at; where to continue, NULL at the end
CREATE FUNCTION longshore.repair_left_over(
    p_part text, p_after jsonb, p_limit integer, p_write boolean, p_now bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN SELECT * FROM longshore.left_over(p_part, p_after, p_limit, p_now) LOOP
        checked := checked + v_row.rows;
        after := v_row.place;
        IF NOT v_row.belongs THEN
            findings := findings || CASE WHEN p_write THEN longshore.repaired(v_row.queue, v_row.job, v_row.what, v_row.repair)
                                         ELSE longshore.finding(v_row.queue, v_row.job, v_row.what, false) END;
        END IF;
    END LOOP;
    IF checked < p_limit THEN
        after := NULL;
    END IF;
END $$;

-- Reads rows of a table that belong to jobs.
-- In:  the part, the keys to start after, the most rows, and now, see repair_left_over
-- Out: in their order: the keys of each row; how many rows it stands for; whether it belongs to something; and if it does not: the queue and the
--      job that it concerns, or NULL; what is wrong; the statement that deletes it
CREATE FUNCTION longshore.left_over(p_part text, p_after jsonb, p_limit integer, p_now bigint) RETURNS TABLE (
    place jsonb, rows bigint, belongs boolean, queue text, job uuid, what text, repair text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    CASE p_part
    WHEN 'keys' THEN RETURN QUERY -- a key whose period has passed holds nobody up
        SELECT jsonb_build_array(u.queue, u.key), 1::bigint, NOT longshore.holds_key(u.until, p_now) OR longshore.may_hold_key(u.queue, u.key, u.job),
               u.queue, NULL::uuid, format('the unique key `%s` is held by a job that is gone, or has given it back', u.key),
               format('DELETE FROM longshore.unique_key WHERE queue = %L AND key = %L AND job = %L AND NOT longshore.may_hold_key(queue, key, job)',
                      u.queue, u.key, u.job)
        FROM longshore.unique_key u
        WHERE (u.queue, u.key) > (coalesce(p_after ->> 0, ''), coalesce(p_after ->> 1, '')) ORDER BY u.queue, u.key LIMIT p_limit;
    WHEN 'tags' THEN RETURN QUERY
        SELECT jsonb_build_array(t.tag, t.seq), 1::bigint, longshore.has_tag(t.seq, t.tag), NULL, NULL::uuid,
               format('the tag `%s` leads to job number %s, which does not have it', t.tag, t.seq),
               format('DELETE FROM longshore.job_tag WHERE tag = %L AND seq = %L', t.tag, t.seq)
        FROM longshore.job_tag t
        WHERE (t.tag, t.seq) > (coalesce(p_after ->> 0, ''), coalesce((p_after ->> 1)::bigint, 0)) ORDER BY t.tag, t.seq LIMIT p_limit;
    WHEN 'payloads' THEN RETURN QUERY
        SELECT jsonb_build_array(p.job), 1::bigint, longshore.is_there(p.job), NULL, p.job, 'a payload belongs to it, and it is gone',
               format('DELETE FROM longshore.payload WHERE job = %L', p.job)
        FROM longshore.payload p
        WHERE p.job > coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY p.job LIMIT p_limit;
    WHEN 'logs' THEN RETURN QUERY
        SELECT jsonb_build_array(l.job, l.claim), 1::bigint, longshore.is_there(l.job), NULL, l.job, 'a log belongs to it, and it is gone',
               format('DELETE FROM longshore.log WHERE job = %L AND claim = %L', l.job, l.claim)
        FROM longshore.log l
        WHERE (l.job, l.claim) > (coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000'), coalesce((p_after ->> 1)::bigint, 0))
        ORDER BY l.job, l.claim LIMIT p_limit;
    WHEN 'chunks' THEN RETURN QUERY -- the chunks of an upload together
        WITH page AS MATERIALIZED (
            SELECT c.upload, c.n FROM longshore.artifact_chunk c
            WHERE (c.upload, c.n) > (coalesce((p_after ->> 0)::bigint, 0), coalesce((p_after ->> 1)::integer, 0)) ORDER BY c.upload, c.n LIMIT p_limit
        ), known AS MATERIALIZED (
            SELECT u.id FROM longshore.artifact_upload u WHERE u.id = ANY (ARRAY(SELECT c.upload FROM page c))
            UNION SELECT a.upload FROM longshore.artifact_head a WHERE a.upload = ANY (ARRAY(SELECT c.upload FROM page c))
        )
        SELECT jsonb_build_array(c.upload, max(c.n)), count(*), EXISTS (SELECT 1 FROM known k WHERE k.id = c.upload), NULL, NULL::uuid,
               format('chunks of upload %s belong to no result', c.upload),
               format('DELETE FROM longshore.artifact_chunk WHERE upload = %L AND n <= %L', c.upload, max(c.n))
        FROM page c GROUP BY c.upload ORDER BY c.upload;
    END CASE;
END $$;

-- Returns whether a job is there.
CREATE FUNCTION longshore.is_there(p_job uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM longshore.live l WHERE l.id = p_job) OR EXISTS (SELECT 1 FROM longshore.history h WHERE h.id = p_job);
END $$;

-- Returns whether a job is there that may hold a unique key.
CREATE FUNCTION longshore.may_hold_key(p_queue text, p_key text, p_job uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM (SELECT l.queue, l.unique_key, l.unique_scope, l.state FROM longshore.live l WHERE l.id = p_job
                       UNION ALL
                       SELECT h.queue, h.unique_key, h.unique_scope, h.state FROM longshore.history h WHERE h.id = p_job) j
        WHERE j.queue = p_queue AND j.unique_key = p_key AND NOT longshore.gives_key_back(j.unique_scope, j.state));
END $$;

-- Returns whether the job with that number has a tag.
CREATE FUNCTION longshore.has_tag(p_seq bigint, p_tag text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM (SELECT l.tags FROM longshore.live l WHERE l.seq = p_seq
                       UNION ALL SELECT h.tags FROM longshore.history h WHERE h.seq = p_seq) j
        WHERE p_tag IN (SELECT longshore.tags_of(j.tags)));
END $$;

-- The recount. What the counts are off by in one snapshot, they are off by for ever: whoever moves a job changes both. So that is appended to the
-- changes, whatever the counts are by then. Two recounts come one after the other, and the second sees what the first has done.
-- In:  whether to repair; the lock of those who do
-- Out: findings; how many queues there are
CREATE FUNCTION longshore.repair_counts(p_write boolean, p_lock bigint, OUT findings jsonb, OUT checked bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF p_write THEN
        PERFORM pg_advisory_xact_lock(p_lock);
    END IF;
    WITH there AS (
        SELECT j.queue, j.state, count(*) AS n
        FROM (SELECT w.queue, w.state FROM longshore.waiting w UNION ALL SELECT r.queue, 2::smallint FROM longshore.running r
              UNION ALL SELECT h.queue, h.state FROM longshore.history h) j
        GROUP BY j.queue, j.state
    ), kept AS (
        SELECT c.queue, s.state, sum(s.n) AS n
        FROM (SELECT q.name AS queue, q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled FROM longshore.queue q
              UNION ALL SELECT c.queue, c.scheduled, c.ready, c.running, c.succeeded, c.dead, c.cancelled FROM longshore.count_change c) c
        CROSS JOIN LATERAL (VALUES (0::smallint, c.scheduled), (1::smallint, c.ready), (2::smallint, c.running), (3::smallint, c.succeeded),
                                   (4::smallint, c.dead), (5::smallint, c.cancelled)) AS s (state, n)
        GROUP BY c.queue, s.state
    ), compared AS (
        SELECT queue, state, coalesce(k.n, 0)::bigint AS counted, coalesce(t.n, 0) AS there
        FROM there t FULL JOIN kept k USING (queue, state)
    ), repaired AS (
        INSERT INTO longshore.count_change (queue, scheduled, ready, running, succeeded, dead, cancelled)
        SELECT c.queue, sum(CASE c.state WHEN 0 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 1 THEN c.there - c.counted ELSE 0 END),
               sum(CASE c.state WHEN 2 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 3 THEN c.there - c.counted ELSE 0 END),
               sum(CASE c.state WHEN 4 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 5 THEN c.there - c.counted ELSE 0 END)
        FROM compared c WHERE p_write AND c.there <> c.counted GROUP BY c.queue
    ), off AS (
        SELECT c.queue, string_agg(format('%s %s jobs and has %s', c.counted,
                   (ARRAY['scheduled', 'ready', 'running', 'succeeded', 'dead', 'cancelled'])[c.state + 1], c.there), ', ' ORDER BY c.state) AS what
        FROM compared c WHERE c.there <> c.counted GROUP BY c.queue
    )
    SELECT coalesce(jsonb_agg(longshore.finding(o.queue, NULL, 'it counts ' || o.what, p_write) -> 0 ORDER BY o.queue), '[]'),
           (SELECT count(DISTINCT c.queue) FROM compared c)
    INTO findings, checked FROM off o;
END $$;

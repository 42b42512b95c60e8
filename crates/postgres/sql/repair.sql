-- Looks for what other programs have changed, and repairs it: a walk in parts. Each call is a transaction that looks at a bounded number of rows; only
-- the recount reads all jobs, in one statement that locks none. Whether a row fits another is asked in the statement that reads it, and by functions that
-- are STABLE: so both are seen as they were at one moment, although jobs move.
--
-- All parts but the recount
-- In:  the keys of the row behind which to go on, an array, or NULL; most rows; whether to repair; now; how long dead jobs are kept
-- Out: what is wrong, an array of objects (see finding); how many rows were looked at; where to go on, NULL at the end

-- Makes one finding of an answer: the queue and the job that it concerns, or NULL; what is wrong; whether it is repaired.
CREATE FUNCTION longshore.finding(p_queue text, p_job uuid, p_what text, p_repaired boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_array(jsonb_build_object('queue', p_queue, 'job', p_job, 'what', p_what, 'repaired', p_repaired))
$$;

-- Returns where a walk goes on: behind these keys, or nowhere where fewer rows were there than it may look at.
CREATE FUNCTION longshore.goes_on(p_checked bigint, p_limit integer, p_keys jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_checked >= p_limit THEN p_keys END
$$;

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

-- Unique keys that are held by jobs which are gone, or have given them back. One whose period has passed holds nobody up.
CREATE FUNCTION longshore.repair_keys(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT u.queue, u.key, u.job, NOT longshore.holds_key(u.until, p_now) OR longshore.may_hold_key(u.queue, u.key, u.job) AS belongs
        FROM longshore.unique_key u
        WHERE (u.queue, u.key) > (coalesce(p_after ->> 0, ''), coalesce(p_after ->> 1, '')) ORDER BY u.queue, u.key LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.queue, v_row.key);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM longshore.unique_key u WHERE u.queue = v_row.queue AND u.key = v_row.key AND u.job = v_row.job
                AND NOT longshore.may_hold_key(u.queue, u.key, u.job);
        END IF;
        findings := findings || longshore.finding(
            v_row.queue, NULL, format('the unique key `%s` is held by a job that is gone, or has given it back', v_row.key), p_write);
    END LOOP;
    after := longshore.goes_on(checked, p_limit, after);
END $$;

-- Tags that lead to jobs which are gone, or do not have them.
CREATE FUNCTION longshore.repair_tags(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT t.tag, t.seq, (
            EXISTS (SELECT 1 FROM longshore.waiting j CROSS JOIN LATERAL longshore.tags_of(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
            OR EXISTS (SELECT 1 FROM longshore.running j CROSS JOIN LATERAL longshore.tags_of(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
            OR EXISTS (SELECT 1 FROM longshore.history j CROSS JOIN LATERAL longshore.tags_of(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
        ) AS belongs
        FROM longshore.job_tag t
        WHERE (t.tag, t.seq) > (coalesce(p_after ->> 0, ''), coalesce((p_after ->> 1)::bigint, 0)) ORDER BY t.tag, t.seq LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.tag, v_row.seq);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM longshore.job_tag t WHERE t.tag = v_row.tag AND t.seq = v_row.seq;
        END IF;
        findings := findings || longshore.finding(
            NULL, NULL, format('the tag `%s` leads to job number %s, which does not have it', v_row.tag, v_row.seq), p_write);
    END LOOP;
    after := longshore.goes_on(checked, p_limit, after);
END $$;

-- Large payloads whose jobs are gone.
CREATE FUNCTION longshore.repair_payloads(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT p.job, longshore.is_there(p.job) AS belongs FROM longshore.payload p
        WHERE p.job > coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000')
        ORDER BY p.job LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.job);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM longshore.payload p WHERE p.job = v_row.job;
        END IF;
        findings := findings || longshore.finding(NULL, v_row.job, 'a payload belongs to it, and it is gone', p_write);
    END LOOP;
    after := longshore.goes_on(checked, p_limit, after);
END $$;

-- Logs whose jobs are gone.
CREATE FUNCTION longshore.repair_logs(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT l.job, l.claim, longshore.is_there(l.job) AS belongs FROM longshore.log l
        WHERE (l.job, l.claim) > (coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000'), coalesce((p_after ->> 1)::bigint, 0))
        ORDER BY l.job, l.claim LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.job, v_row.claim);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM longshore.log l WHERE l.job = v_row.job AND l.claim = v_row.claim;
        END IF;
        findings := findings || longshore.finding(NULL, v_row.job, 'a log belongs to it, and it is gone', p_write);
    END LOOP;
    after := longshore.goes_on(checked, p_limit, after);
END $$;

-- Chunks that belong to no large result, and to no upload of one.
CREATE FUNCTION longshore.repair_chunks(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        WITH page AS MATERIALIZED (
            SELECT c.upload, c.n FROM longshore.artifact_chunk c
            WHERE (c.upload, c.n) > (coalesce((p_after ->> 0)::bigint, 0), coalesce((p_after ->> 1)::integer, 0)) ORDER BY c.upload, c.n LIMIT p_limit
        ), known AS MATERIALIZED (
            SELECT u.id FROM longshore.artifact_upload u WHERE u.id = ANY (ARRAY(SELECT s.upload FROM page s))
            UNION SELECT a.upload FROM longshore.artifact_head a WHERE a.upload = ANY (ARRAY(SELECT s.upload FROM page s))
        )
        SELECT s.upload, max(s.n) AS n, count(*) AS chunks, EXISTS (SELECT 1 FROM known k WHERE k.id = s.upload) AS belongs
        FROM page s GROUP BY s.upload ORDER BY s.upload
    LOOP
        checked := checked + v_row.chunks;
        after := jsonb_build_array(v_row.upload, v_row.n);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM longshore.artifact_chunk c WHERE c.upload = v_row.upload AND c.n <= v_row.n;
        END IF;
        findings := findings || longshore.finding(NULL, NULL, format('chunks of upload %s belong to no result', v_row.upload), p_write);
    END LOOP;
    after := longshore.goes_on(checked, p_limit, after);
END $$;

-- Jobs that contradict themselves, in order of their ids.
CREATE FUNCTION longshore.repair_jobs(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_after uuid := coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000');
    v_ids   uuid[];
BEGIN
    v_ids := ARRAY(
        SELECT DISTINCT j.id FROM (
            (SELECT w.id FROM longshore.waiting w WHERE w.id > v_after ORDER BY w.id LIMIT p_limit)
            UNION ALL (SELECT r.id FROM longshore.running r WHERE r.id > v_after ORDER BY r.id LIMIT p_limit)
            UNION ALL (SELECT h.id FROM longshore.history h WHERE h.id > v_after ORDER BY h.id LIMIT p_limit)
        ) j ORDER BY j.id LIMIT p_limit);
    checked := cardinality(v_ids);
    after := longshore.goes_on(checked, p_limit, jsonb_build_array(v_ids[checked]));
    findings := longshore.repair_doubles(v_ids, p_write) || longshore.repair_payload_of(v_ids, p_write, p_now, p_keep_dead)
        || longshore.repair_tags_of(v_ids, p_write) || longshore.repair_keys_of(v_ids, p_write) || longshore.repair_reasons(v_ids, p_write);
END $$;

-- Jobs that are in more than one table: the newest version of each stays; of equal versions, the one that has come farthest.
-- In:  job ids; whether to repair
-- Out: findings; so of those below
CREATE FUNCTION longshore.repair_doubles(p_ids uuid[], p_write boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all jsonb := '[]';
    v_id  uuid;
    v_row record;
BEGIN
    FOR v_id IN SELECT d.id FROM longshore.doubles(p_ids) d LOOP
        IF p_write THEN
            -- A worker may have moved the job meanwhile. Once its rows are locked, nobody moves it, and it is looked at again.
            PERFORM 1 FROM longshore.waiting w WHERE w.id = v_id FOR UPDATE;
            PERFORM 1 FROM longshore.running r WHERE r.id = v_id FOR UPDATE;
            PERFORM 1 FROM longshore.history h WHERE h.id = v_id FOR UPDATE;
        END IF;
        SELECT * INTO v_row FROM longshore.doubles(ARRAY[v_id]) d;
        CONTINUE WHEN NOT FOUND;
        IF p_write THEN
            DELETE FROM longshore.waiting w WHERE w.id = v_id AND v_row.newest <> 'waiting' AND w.version IS NOT DISTINCT FROM v_row.waiting;
            DELETE FROM longshore.running r WHERE r.id = v_id AND v_row.newest <> 'running' AND r.version IS NOT DISTINCT FROM v_row.running;
            DELETE FROM longshore.history h WHERE h.id = v_id AND v_row.newest <> 'history' AND h.version IS NOT DISTINCT FROM v_row.history;
        END IF;
        v_all := v_all || longshore.finding(v_row.queue, v_id, format('it is in %s; the newest is the one in %s', v_row.places, v_row.newest), p_write);
    END LOOP;
    RETURN v_all;
END $$;

-- In:  job ids
-- Out: those that are in more than one table, by one statement, which sees a job that moves in one place: the queue, the table with the
--      newest version, the tables in words, the version in each table
CREATE FUNCTION longshore.doubles(p_ids uuid[])
RETURNS TABLE (id uuid, queue text, newest text, places text, waiting bigint, running bigint, history bigint) LANGUAGE sql STABLE AS $$
    SELECT j.id, min(j.queue), (array_agg(j.place ORDER BY j.version DESC NULLS LAST, j.place))[1],
           string_agg(j.place, ' and ' ORDER BY j.place DESC), min(j.version) FILTER (WHERE j.place = 'waiting'),
           min(j.version) FILTER (WHERE j.place = 'running'), min(j.version) FILTER (WHERE j.place = 'history')
    FROM (SELECT w.id, w.queue, 'waiting' AS place, w.version FROM longshore.waiting w WHERE w.id = ANY (p_ids)
          UNION ALL SELECT r.id, r.queue, 'running', r.version FROM longshore.running r WHERE r.id = ANY (p_ids)
          UNION ALL SELECT h.id, h.queue, 'history', h.version FROM longshore.history h WHERE h.id = ANY (p_ids)) j
    GROUP BY j.id HAVING count(*) > 1
$$;

-- Waiting jobs whose large payload is gone: no handler can run them, so they are dead.
CREATE FUNCTION longshore.repair_payload_of(p_ids uuid[], p_write boolean, p_now bigint, p_keep_dead bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all   jsonb := '[]';
    v_ids   uuid[] := '{}';
    v_found uuid[];
    v_row   record;
    v_moved record;
    v_done  boolean := false;
BEGIN
    v_found := ARRAY(
        SELECT w.id FROM longshore.waiting w
        WHERE w.id = ANY (p_ids) AND w.payload IS NULL AND NOT EXISTS (SELECT 1 FROM longshore.payload p WHERE p.job = w.id)
        ORDER BY w.id);
    v_ids := v_found;
    IF p_write AND cardinality(v_ids) > 0 THEN
        v_ids := ARRAY(SELECT w.id FROM unnest(v_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM longshore.waiting j WHERE j.id = a.id FOR UPDATE) w ORDER BY w.id);
        SELECT h.failed, h.error INTO v_moved FROM longshore.apply_event_to_each(
            v_ids, 12::smallint, 'the job''s payload is missing', 'corrupt', p_now, 0, p_keep_dead) h;
        IF v_moved.failed > 0 THEN
            v_all := v_all || longshore.finding(NULL, NULL, format('%s of these jobs cannot be buried: %s', v_moved.failed, v_moved.error), false);
        END IF;
        v_done := v_moved.failed = 0;
    END IF;
    FOR v_row IN SELECT f.id, coalesce(w.queue, h.queue) AS queue FROM unnest(v_found) AS f (id)
                 LEFT JOIN longshore.waiting w ON w.id = f.id LEFT JOIN longshore.history h ON h.id = f.id LOOP
        v_all := v_all || longshore.finding(v_row.queue, v_row.id, 'its payload is missing; no handler can run it', v_done);
    END LOOP;
    RETURN v_all;
END $$;

-- Jobs that are not found by one of their tags, or whose tags are no list.
CREATE FUNCTION longshore.repair_tags_of(p_ids uuid[], p_write boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all jsonb := '[]';
    v_row record;
BEGIN
    FOR v_row IN
        SELECT j.id, j.queue, j.seq, jsonb_typeof(j.tags) <> 'array' AS bad, ARRAY(
                   SELECT t.tag FROM longshore.tags_of(j.tags) AS t (tag)
                   WHERE NOT EXISTS (SELECT 1 FROM longshore.job_tag g WHERE g.tag = t.tag AND g.seq = j.seq)) AS missing
        FROM (SELECT l.id, l.queue, l.seq, l.tags FROM longshore.live l WHERE l.id = ANY (p_ids)
              UNION ALL SELECT h.id, h.queue, h.seq, h.tags FROM longshore.history h WHERE h.id = ANY (p_ids)) j
        WHERE j.tags IS NOT NULL AND j.seq IS NOT NULL
    LOOP
        IF v_row.bad THEN
            IF p_write THEN
                UPDATE longshore.waiting j SET tags = NULL WHERE j.id = v_row.id;
                UPDATE longshore.running j SET tags = NULL WHERE j.id = v_row.id;
                UPDATE longshore.history j SET tags = NULL WHERE j.id = v_row.id;
            END IF;
            v_all := v_all || longshore.finding(v_row.queue, v_row.id, 'its tags are no list of texts', p_write);
        ELSIF cardinality(v_row.missing) > 0 THEN
            IF p_write THEN
                INSERT INTO longshore.job_tag (tag, seq) SELECT m.tag, v_row.seq FROM unnest(v_row.missing) AS m (tag) ON CONFLICT DO NOTHING;
            END IF;
            v_all := v_all || longshore.finding(v_row.queue, v_row.id, 'it is not found by one of its tags', p_write);
        END IF;
    END LOOP;
    RETURN v_all;
END $$;

-- Jobs that must hold their unique key until they are finished, where nobody holds it.
CREATE FUNCTION longshore.repair_keys_of(p_ids uuid[], p_write boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all  jsonb := '[]';
    v_row  record;
    v_held boolean := false;
BEGIN
    FOR v_row IN
        SELECT l.id, l.queue, l.unique_key FROM longshore.live l
        WHERE l.id = ANY (p_ids) AND l.unique_key IS NOT NULL AND l.unique_scope = 1
          AND NOT EXISTS (SELECT 1 FROM longshore.unique_key u WHERE u.queue = l.queue AND u.key = l.unique_key)
    LOOP
        IF p_write THEN
            -- Locked, so that it does not end before it can give the key back.
            PERFORM 1 FROM longshore.waiting j WHERE j.id = v_row.id FOR UPDATE SKIP LOCKED;
            v_held := FOUND;
            IF NOT v_held THEN
                PERFORM 1 FROM longshore.running j WHERE j.id = v_row.id FOR UPDATE SKIP LOCKED;
                v_held := FOUND;
            END IF;
            IF v_held THEN
                INSERT INTO longshore.unique_key (queue, key, job, until) VALUES (v_row.queue, v_row.unique_key, v_row.id, NULL) ON CONFLICT DO NOTHING;
                v_held := FOUND;
            END IF;
        END IF;
        v_all := v_all || longshore.finding(
            v_row.queue, v_row.id, format('it does not hold its unique key `%s`, and nobody else does', v_row.unique_key), v_held);
    END LOOP;
    RETURN v_all;
END $$;

-- Dead jobs without a reason, and others that have one.
CREATE FUNCTION longshore.repair_reasons(p_ids uuid[], p_write boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all jsonb := '[]';
    v_row record;
BEGIN
    FOR v_row IN
        SELECT h.id, h.queue, h.state FROM longshore.history h WHERE h.id = ANY (p_ids) AND (h.state = 4) <> (h.reason IS NOT NULL)
    LOOP
        IF p_write THEN
            UPDATE longshore.history h SET reason = CASE WHEN h.state = 4 THEN 'corrupt' END, version = h.version + 1 WHERE h.id = v_row.id;
        END IF;
        v_all := v_all || longshore.finding(
            v_row.queue, v_row.id,
            CASE WHEN v_row.state = 4 THEN 'it is dead without a reason' ELSE 'it is not dead, and has a reason for being so' END, p_write);
    END LOOP;
    RETURN v_all;
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

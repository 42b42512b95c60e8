-- Finds jobs that contradict themselves, and repairs them: a part of the walk of repair.sql.
--
-- Functions that find faults
-- In:  job ids; and what they need of the arguments of repair_jobs
-- Out: a row per fault: the job; its queue; what is wrong; the statement that repairs it

-- Looks at jobs, in the order of their ids.
-- In:  the id to start after, in an array, or NULL; the most jobs; whether to repair; now, by the wall clock and by that of leases; the retention
--      periods
-- Out: findings; how many jobs were looked at; where to continue, NULL at the end
CREATE FUNCTION longshore.repair_jobs(
    p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_lease_now bigint, p_keep_finished bigint, p_keep_dead bigint,
    OUT findings jsonb, OUT checked bigint, OUT after jsonb
) LANGUAGE plpgsql /* steady */ SET lock_timeout = 1000 AS $$
DECLARE
    v_after uuid := coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000');
    v_ids   uuid[];
    v_row   record;
BEGIN
    v_ids := ARRAY(
        SELECT DISTINCT j.id FROM (
            (SELECT w.id FROM longshore.waiting w WHERE w.id > v_after ORDER BY w.id LIMIT p_limit)
            UNION ALL (SELECT r.id FROM longshore.running r WHERE r.id > v_after ORDER BY r.id LIMIT p_limit)
            UNION ALL (SELECT h.id FROM longshore.history h WHERE h.id > v_after ORDER BY h.id LIMIT p_limit)
        ) j ORDER BY j.id LIMIT p_limit);
    checked := cardinality(v_ids);
    after := CASE WHEN checked >= p_limit THEN jsonb_build_array(v_ids[checked]) END;
    findings := '[]';
    FOR v_row IN
        SELECT f.job, min(f.queue) AS queue, string_agg(f.what, '; ') AS what, jsonb_agg(longshore.finding(f.queue, f.job, f.what, false) -> 0) AS found
        FROM (SELECT * FROM longshore.doubles(v_ids)
              UNION ALL SELECT * FROM longshore.job_faults(v_ids, p_now, p_lease_now, p_keep_finished, p_keep_dead)) f
        GROUP BY f.job ORDER BY f.job
    LOOP
        findings := findings || CASE
            WHEN p_write THEN longshore.repair_job(v_row.job, v_row.queue, v_row.what, p_now, p_lease_now, p_keep_finished, p_keep_dead)
            ELSE v_row.found END;
    END LOOP;
END $$;

-- Repairs what is wrong with a job.
-- In:  the job; its queue; what was found; and see repair_jobs
-- Out: findings
CREATE FUNCTION longshore.repair_job(
    p_job uuid, p_queue text, p_what text, p_now bigint, p_lease_now bigint, p_keep_finished bigint, p_keep_dead bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_all jsonb := '[]';
    v_row record;
BEGIN
    -- A worker may have moved the job meanwhile. Once its row is locked, nobody moves it, and it is looked at again.
    PERFORM 1 FROM longshore.waiting w WHERE w.id = p_job FOR UPDATE;
    PERFORM 1 FROM longshore.running r WHERE r.id = p_job FOR UPDATE;
    PERFORM 1 FROM longshore.history h WHERE h.id = p_job FOR UPDATE;
    FOR v_row IN SELECT * FROM longshore.doubles(ARRAY[p_job]) LOOP
        v_all := v_all || longshore.repaired(v_row.queue, p_job, v_row.what, v_row.repair);
    END LOOP;
    FOR v_row IN SELECT * FROM longshore.job_faults(ARRAY[p_job], p_now, p_lease_now, p_keep_finished, p_keep_dead) LOOP
        v_all := v_all || longshore.repaired(v_row.queue, p_job, v_row.what, v_row.repair);
    END LOOP;
    RETURN v_all;
EXCEPTION
    WHEN lock_not_available THEN RETURN longshore.not_repaired(p_queue, p_job, p_what, SQLSTATE, SQLERRM);
END $$;

-- Finds all faults of jobs that are in one table each, in the order in which they are repaired: the last one moves the job.
CREATE FUNCTION longshore.job_faults(p_ids uuid[], p_now bigint, p_lease_now bigint, p_keep_finished bigint, p_keep_dead bigint)
RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM longshore.wrong_numbers(p_ids, p_now, p_lease_now, p_keep_finished, p_keep_dead);
    RETURN QUERY SELECT * FROM longshore.wrong_names(p_ids);
    RETURN QUERY SELECT * FROM longshore.wrong_tags(p_ids);
    RETURN QUERY SELECT * FROM longshore.free_keys(p_ids);
    RETURN QUERY SELECT * FROM longshore.wrong_reasons(p_ids);
    RETURN QUERY SELECT * FROM longshore.lost_payloads(p_ids, p_now, p_keep_dead);
END $$;

-- Finds jobs that are in more than one table. The newest version of each stays; of equal versions, the one that has come farthest.
CREATE FUNCTION longshore.doubles(p_ids uuid[]) RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT d.id, d.queue, format('it is in %s; the newest is the one in %s', d.places, d.newest), format('SELECT longshore.keep_only(%L, %L)', d.id, d.newest)
    FROM (SELECT j.id, min(j.queue) AS queue, string_agg(j.place, ' and ' ORDER BY j.place DESC) AS places,
                 (array_agg(j.place ORDER BY j.version DESC NULLS LAST, j.place))[1] AS newest
          FROM (SELECT w.id, w.queue, 'waiting' AS place, w.version FROM longshore.waiting w WHERE w.id = ANY (p_ids)
                UNION ALL SELECT r.id, r.queue, 'running', r.version FROM longshore.running r WHERE r.id = ANY (p_ids)
                UNION ALL SELECT h.id, h.queue, 'history', h.version FROM longshore.history h WHERE h.id = ANY (p_ids)) j
          GROUP BY j.id HAVING count(*) > 1) d
$$;

-- Deletes the rows of a job from all tables but one.
CREATE FUNCTION longshore.keep_only(p_job uuid, p_place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM longshore.waiting w WHERE w.id = p_job AND p_place <> 'waiting';
    DELETE FROM longshore.running r WHERE r.id = p_job AND p_place <> 'running';
    DELETE FROM longshore.history h WHERE h.id = p_job AND p_place <> 'history';
END $$;

-- Reads the numbers of jobs.
-- In:  job ids
-- Out: the table of each; its id; its queue; its numbers, by the names of their columns
CREATE FUNCTION longshore.numbers(p_ids uuid[]) RETURNS TABLE (place text, id uuid, queue text, numbers jsonb) LANGUAGE sql STABLE AS $$
    SELECT 'waiting', w.id, w.queue, to_jsonb(n) FROM longshore.waiting w CROSS JOIN LATERAL (
        SELECT w.seq, w.run_at, w.created_at, w.version, w.deadline, w.unique_scope, w.reuse_ms, w.started_at, w.outage_since, w.timeout_ms,
               w.granted_timeout_ms, w.interruptions, w.rank, w.attempt, w.max_attempts, w.granted_attempts, w.crashes, w.outages) n
    WHERE w.id = ANY (p_ids)
    UNION ALL
    SELECT 'running', r.id, r.queue, to_jsonb(n) FROM longshore.running r CROSS JOIN LATERAL (
        SELECT r.seq, r.run_at, r.created_at, r.version, r.deadline, r.unique_scope, r.reuse_ms, r.started_at, r.outage_since, r.timeout_ms,
               r.granted_timeout_ms, r.interruptions, r.rank, r.attempt, r.max_attempts, r.granted_attempts, r.crashes, r.outages, r.lease_until) n
    WHERE r.id = ANY (p_ids)
    UNION ALL
    SELECT 'history', h.id, h.queue, to_jsonb(n) FROM longshore.history h CROSS JOIN LATERAL (
        SELECT h.seq, h.run_at, h.created_at, h.version, h.deadline, h.unique_scope, h.reuse_ms, h.started_at, h.outage_since, h.timeout_ms,
               h.granted_timeout_ms, h.interruptions, h.rank, h.attempt, h.max_attempts, h.granted_attempts, h.crashes, h.outages, h.finished_at,
               h.keep_until) n
    WHERE h.id = ANY (p_ids)
$$;

-- Returns the numbers that programs write.
-- In:  see repair_jobs
-- Out: a row per column: the table, or 'any'; the column; the lowest and the highest number; whether it may be missing; the SQL that replaces
--      another one
CREATE FUNCTION longshore.ranges(p_now bigint, p_lease_now bigint, p_keep_finished bigint, p_keep_dead bigint)
RETURNS TABLE (place text, name text, low bigint, high bigint, optional boolean, instead text) LANGUAGE sql IMMUTABLE AS $$
    SELECT n.place, n.name, n.low::bigint, n.high::bigint, n.optional, replace(n.instead, 'NOW', p_now::text)
    FROM (VALUES
        ('any', 'seq', 1, 4611686018427387904, false, $r$nextval('longshore.push_number')$r$),
        ('any', 'version', 1, 1000000000000, false, '1000000000'),
        -- Times end after the year 9999, so that the database can show them. A due time in the far future stays as far away as it can be.
        ('any', 'run_at', 0, 253402300799999, false, 'CASE WHEN run_at > 0 THEN 253402300799999 ELSE NOW END'),
        ('any', 'created_at', 0, 253402300799999, false, 'NOW'),
        ('any', 'started_at', 0, 253402300799999, true, 'NOW'),
        ('any', 'finished_at', 0, 253402300799999, false, 'NOW'),
        ('any', 'deadline', 0, 253402300799999, true, 'NULL'),
        ('any', 'outage_since', 0, 253402300799999, true, 'NOW'),
        -- Longer than the longest lease; see rescue. The new one is as long as a worker may ask for, so that no living worker loses the job.
        ('any', 'lease_until', 0, p_lease_now + 3600000, false, (p_lease_now + 600000)::text),
        -- As far ahead as the longest retention period reaches; 0: a person has deleted the job.
        ('any', 'keep_until', 0, p_now + 1152921504606846975, false, format(
            'NOW + CASE state WHEN 4 THEN %s ELSE least(greatest(%s, reuse_ms, unique_scope - 2), 1000000000000000) END', p_keep_dead, p_keep_finished)),
        ('any', 'unique_scope', 0, 1000000000000000, true, '1'),
        ('any', 'reuse_ms', 0, 1000000000000000, true, 'NULL'),
        ('any', 'timeout_ms', 1, 86400000, true, 'NULL'),
        ('any', 'granted_timeout_ms', 1, 86400000, true, 'NULL'),
        ('any', 'max_attempts', 1, 1000, true, 'NULL'),
        ('any', 'granted_attempts', 1, 1000, true, 'NULL'),
        ('any', 'rank', -100, 100, false, '0'),
        ('any', 'attempt', 0, 32767, false, '0'),
        ('any', 'interruptions', 0, 2147483647, false, '0'),
        ('any', 'outages', 0, 32767, false, '0'),
        ('waiting', 'crashes', 0, 2, false, 'CASE WHEN crashes > 0 THEN 2 ELSE 0 END'),
        ('running', 'crashes', 0, 2, false, 'CASE WHEN crashes > 0 THEN 2 ELSE 0 END'),
        ('history', 'crashes', 0, 3, false, 'CASE WHEN crashes > 0 THEN 3 ELSE 0 END')
    ) AS n (place, name, low, high, optional, instead)
$$;

-- Finds jobs with numbers that no program writes. One would stop the claims of a queue, hold a job for ever, or hide it.
CREATE FUNCTION longshore.wrong_numbers(p_ids uuid[], p_now bigint, p_lease_now bigint, p_keep_finished bigint, p_keep_dead bigint)
RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT n.id, n.queue,
           string_agg(format('its `%s` is %s', r.name, coalesce(n.numbers ->> r.name, 'missing')), ', ' ORDER BY r.name) || ', which no program writes',
           format('UPDATE longshore.%I SET %s%s WHERE id = %L', n.place, string_agg(format('%I = %s', r.name, r.instead), ', '),
                  CASE WHEN NOT bool_or(r.name = 'version') THEN ', version = version + 1' END, n.id)
    FROM longshore.numbers(p_ids) n
    JOIN longshore.ranges(p_now, p_lease_now, p_keep_finished, p_keep_dead) r
        ON r.place IN (n.place, 'any') AND n.numbers ? r.name AND NOT coalesce((n.numbers ->> r.name)::numeric BETWEEN r.low AND r.high, r.optional)
    GROUP BY n.place, n.id, n.queue
$$;

-- Returns a name that people can ask for, the same for all jobs with that name.
CREATE FUNCTION longshore.valid_name(p_name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN longshore.is_name(p_name) THEN p_name ELSE 'recovered-' || left(md5(coalesce(p_name, '')), 8) END
$$;

-- Finds jobs whose queue or kind has an invalid name. Nobody can ask for such a queue, and no worker for such a kind.
CREATE FUNCTION longshore.wrong_names(p_ids uuid[]) RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT j.id, j.queue, format('its %s has the invalid name `%s`; a valid one for it is `%s`', n.what, left(n.name, 100), longshore.valid_name(n.name)),
           format('SELECT longshore.rename_job(%L)', j.id)
    FROM (SELECT l.id, l.queue, l.kind FROM longshore.live l WHERE l.id = ANY (p_ids)
          UNION ALL SELECT h.id, h.queue, h.kind FROM longshore.history h WHERE h.id = ANY (p_ids)) j
    CROSS JOIN LATERAL (VALUES ('queue', j.queue), ('kind', j.kind)) AS n (what, name)
    WHERE NOT longshore.is_name(n.name)
$$;

-- Gives the queue and the kind of a job valid names. Its unique key and its counts go with it.
CREATE FUNCTION longshore.rename_job(p_job uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_old   record;
    v_queue text;
    v_kind  text;
BEGIN
    SELECT l.queue, l.kind, l.key, l.state INTO v_old FROM longshore.live l WHERE l.id = p_job
    UNION ALL SELECT h.queue, h.kind, h.key, h.state FROM longshore.history h WHERE h.id = p_job;
    v_queue := longshore.valid_name(v_old.queue);
    v_kind := longshore.valid_name(v_old.kind);
    UPDATE longshore.waiting w SET queue = v_queue, kind = v_kind, version = w.version + 1 WHERE w.id = p_job;
    UPDATE longshore.running r SET queue = v_queue, kind = v_kind, version = r.version + 1 WHERE r.id = p_job;
    UPDATE longshore.history h SET queue = v_queue, kind = v_kind, version = h.version + 1 WHERE h.id = p_job;
    WITH freed AS (
        DELETE FROM longshore.unique_key u WHERE u.queue = v_old.queue AND u.job = p_job AND v_queue <> v_old.queue RETURNING u.key, u.until
    )
    INSERT INTO longshore.unique_key (queue, key, job, until) SELECT v_queue, f.key, p_job, f.until FROM freed f ON CONFLICT DO NOTHING;
    PERFORM longshore.moved(ARRAY[v_old.queue, v_queue], ARRAY[v_old.kind, v_kind], ARRAY[v_old.key, v_old.key], ARRAY[v_old.state, NULL],
                            ARRAY[NULL, v_old.state], '{1, 1}');
END $$;

-- Finds jobs that are not found by one of their tags, or whose tags are no list.
CREATE FUNCTION longshore.wrong_tags(p_ids uuid[]) RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT j.id, j.queue, CASE WHEN t.is_list THEN 'it is not found by one of its tags' ELSE 'its tags are no list of texts' END,
           CASE WHEN t.is_list THEN format('INSERT INTO longshore.job_tag (tag, seq) SELECT t.tag, j.seq FROM longshore.%I j
                                            CROSS JOIN LATERAL longshore.tags_of(j.tags) AS t (tag) WHERE j.id = %L ON CONFLICT DO NOTHING', j.place, j.id)
                ELSE format('UPDATE longshore.%I SET tags = NULL WHERE id = %L', j.place, j.id) END
    FROM (SELECT 'waiting' AS place, w.id, w.queue, w.seq, w.tags FROM longshore.waiting w WHERE w.id = ANY (p_ids)
          UNION ALL SELECT 'running', r.id, r.queue, r.seq, r.tags FROM longshore.running r WHERE r.id = ANY (p_ids)
          UNION ALL SELECT 'history', h.id, h.queue, h.seq, h.tags FROM longshore.history h WHERE h.id = ANY (p_ids)) j
    CROSS JOIN LATERAL (SELECT jsonb_typeof(j.tags) = 'array' AS is_list) t
    WHERE j.tags IS NOT NULL AND (NOT t.is_list OR j.seq IS NOT NULL AND EXISTS (
        SELECT 1 FROM longshore.tags_of(j.tags) AS t (tag)
        WHERE NOT EXISTS (SELECT 1 FROM longshore.job_tag g WHERE g.tag = t.tag AND g.seq = j.seq)))
$$;

-- Finds jobs that must hold their unique key until they are finished, where nobody holds it.
CREATE FUNCTION longshore.free_keys(p_ids uuid[]) RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT l.id, l.queue, format('it does not hold its unique key `%s`, and nobody else does', l.unique_key),
           format('INSERT INTO longshore.unique_key (queue, key, job, until)
                   SELECT l.queue, l.unique_key, l.id, NULL FROM longshore.live l WHERE l.id = %L ON CONFLICT DO NOTHING', l.id)
    FROM longshore.live l
    WHERE l.id = ANY (p_ids) AND l.unique_key IS NOT NULL AND l.unique_scope = 1
      AND NOT EXISTS (SELECT 1 FROM longshore.unique_key u WHERE u.queue = l.queue AND u.key = l.unique_key)
$$;

-- Finds dead jobs without a reason, and others that have one.
CREATE FUNCTION longshore.wrong_reasons(p_ids uuid[]) RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT h.id, h.queue, CASE WHEN h.state = 4 THEN 'it is dead without a reason' ELSE 'it is not dead, and has a reason for being so' END,
           format('UPDATE longshore.history SET reason = %L, version = version + 1 WHERE id = %L', CASE WHEN h.state = 4 THEN 'corrupt' END, h.id)
    FROM longshore.history h WHERE h.id = ANY (p_ids) AND (h.state = 4) <> (h.reason IS NOT NULL)
$$;

-- Finds waiting jobs whose large payload is gone. No handler can run them, so they become dead.
CREATE FUNCTION longshore.lost_payloads(p_ids uuid[], p_now bigint, p_keep_dead bigint)
RETURNS TABLE (job uuid, queue text, what text, repair text) LANGUAGE sql STABLE AS $$
    SELECT w.id, w.queue, 'its payload is missing; no handler can run it',
           format($r$SELECT longshore.apply_event_to_all(
                      ARRAY[%L::uuid], longshore.event('bury'), 'the job''s payload is missing', 'corrupt', %L, 0, %L)$r$, w.id, p_now, p_keep_dead)
    FROM longshore.waiting w
    WHERE w.id = ANY (p_ids) AND w.payload IS NULL AND NOT EXISTS (SELECT 1 FROM longshore.payload p WHERE p.job = w.id)
$$;

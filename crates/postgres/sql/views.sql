-- Views, and the functions that they need. They are created again with each version.

-- Jobs that are not final.
CREATE VIEW longshore.live AS
    SELECT seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
           NULL::bigint AS token_number, NULL::bigint AS token_bits, outage_since, timeout_ms, granted_timeout_ms, interruptions, state,
           rank, attempt, max_attempts, granted_attempts, crashes, outages, false AS cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures
    FROM longshore.waiting
    UNION ALL
    SELECT seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
           token_number, token_bits, outage_since, timeout_ms, granted_timeout_ms, interruptions, 2::smallint,
           rank, attempt, max_attempts, granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures
    FROM longshore.running;

-- Returns whether a running job could be moved back to `waiting`.
CREATE FUNCTION longshore.is_sound(j longshore.live) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        j.seq IS NOT NULL AND j.run_at IS NOT NULL AND j.created_at IS NOT NULL AND j.kind IS NOT NULL
        AND j.version BETWEEN 1 AND 999999999999999 AND coalesce(j.unique_scope BETWEEN 0 AND 1000000000000000, true)
        AND coalesce(j.reuse_ms BETWEEN 0 AND 1000000000000000, true) AND coalesce(j.timeout_ms BETWEEN 1 AND 86400000, true)
        AND coalesce(j.granted_timeout_ms BETWEEN 1 AND 86400000, true) AND j.interruptions >= 0 AND j.rank BETWEEN -100 AND 100
        AND j.attempt >= 0 AND coalesce(j.max_attempts BETWEEN 1 AND 1000, true)
        AND coalesce(j.granted_attempts BETWEEN 1 AND 1000, true)
        AND j.crashes BETWEEN 0 AND 2 AND j.outages >= 0 AND coalesce(octet_length(j.payload) <= 262144, true)
        AND coalesce(jsonb_typeof(j.failures) = 'array', true), false)
$$;

-- Returns the tags in a column. Invalid tags are left out.
CREATE FUNCTION longshore.tags_of(tags jsonb) RETURNS SETOF text ROWS 4 LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT t FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(tags) = 'array' THEN tags ELSE '[]' END) AS t WHERE octet_length(t) <= 200
$$;

-- The complete record of every job, for programs.
CREATE VIEW longshore.snapshot AS
    SELECT seq, id, queue, kind, coalesce(payload, (SELECT p.text FROM longshore.payload p WHERE p.job = id)) AS payload, state, rank, key,
           unique_key, reuse_key, alias, tags, attempt,
           coalesce(granted_attempts, max_attempts, 20::smallint) AS max_attempts, crashes, interruptions, outages,
           coalesce(granted_timeout_ms, timeout_ms, 1800000) AS timeout_ms, deadline, created_at, run_at, started_at, NULL::bigint AS finished_at, worker, cancel_asked,
           progress, NULL::text AS reason, NULL::text AS result_type, NULL::bytea AS result, NULL::bigint AS artifact,
           NULL::bigint AS artifact_bytes, failures, version
    FROM longshore.live
    UNION ALL
    SELECT seq, id, queue, kind, coalesce(payload, (SELECT p.text FROM longshore.payload p WHERE p.job = id)) AS payload, state, rank, key,
           unique_key, reuse_key, alias, tags, attempt,
           coalesce(granted_attempts, max_attempts, 20::smallint) AS max_attempts, crashes, interruptions, outages,
           coalesce(granted_timeout_ms, timeout_ms, 1800000) AS timeout_ms, deadline, created_at, run_at, started_at, finished_at, worker, cancel_asked,
           progress, reason, result_type, result, artifact, artifact_bytes, failures, version
    FROM longshore.history;

-- The same, for people with psql.
DROP VIEW IF EXISTS longshore.jobs;
CREATE VIEW longshore.jobs AS
    SELECT id, queue, kind, (ARRAY['scheduled', 'ready', 'running', 'succeeded', 'dead', 'cancelled'])[state + 1] AS state, reason,
           -rank AS priority, attempt, max_attempts, crashes, interruptions, outages, cancel_asked,
           to_timestamp(created_at / 1000.0) AS created_at, to_timestamp(run_at / 1000.0) AS run_at,
           to_timestamp(started_at / 1000.0) AS started_at, to_timestamp(finished_at / 1000.0) AS finished_at,
           to_timestamp(deadline / 1000.0) AS deadline, make_interval(secs => timeout_ms / 1000.0) AS timeout,
           key, unique_key, reuse_key, alias, tags, payload, progress, failures,
           result_type, CASE WHEN octet_length(result) <= 65536 THEN encode(result, 'escape') END AS result
    FROM longshore.snapshot;
COMMENT ON VIEW longshore.jobs IS 'All jobs of longshore, to be looked at; the newest: ORDER BY created_at DESC LIMIT 20';

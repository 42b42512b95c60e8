--
-- PostgreSQL database dump
--
-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)
--
-- Name: longshore; Type: SCHEMA; Schema: -; Owner: -
--
CREATE SCHEMA longshore;
--
-- Name: act_v3(uuid, text, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.act_v3(p_id uuid, p_action text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint, OUT answer text, OUT state smallint, OUT other uuid) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := "longshore".clock_v3() + p_shift;
    v_state smallint;
    v_ended "longshore".history;
    v_key   record;
BEGIN
    answer := 'unknown';
    -- A job may move between the tables while this runs or waits for its row, so it tries again.
    FOR n IN 1..10 LOOP
        SELECT j.state INTO v_state FROM "longshore".waiting j WHERE j.id = p_id FOR UPDATE;
        IF NOT FOUND THEN
            SELECT 2 INTO v_state FROM "longshore".running j WHERE j.id = p_id FOR UPDATE;
        END IF;
        IF FOUND THEN
            state := (SELECT h.state FROM "longshore".apply_event_v3(
                ARRAY[p_id], NULL, NULL, ARRAY[CASE p_action WHEN 'cancel' THEN 10 WHEN 'retry' THEN 11 ELSE -1 END]::smallint[],
                NULL, NULL, NULL, NULL, v_now, p_keep_finished, p_keep_dead) h);
            answer := CASE WHEN state IS NULL THEN 'not' ELSE 'done' END;
            state := coalesce(state, v_state);
            RETURN;
        END IF;
        SELECT * INTO v_ended FROM "longshore".history h WHERE h.id = p_id FOR UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    IF v_ended.id IS NULL THEN
        RETURN;
    END IF;
    answer := 'done';
    state := v_ended.state;
    IF p_action = 'delete' THEN
        -- Upkeep deletes the job with its artifact, because only upkeep deletes artifacts. Time 0 makes it due at any
        -- time of the clock.
        UPDATE "longshore".history h SET keep_until = 0 WHERE h.id = p_id;
    ELSIF p_action <> 'retry' OR v_ended.state = 3 THEN
        answer := 'not';
    ELSE
        IF v_ended.unique_key IS NOT NULL THEN
            SELECT * INTO v_key FROM "longshore".take_key_v3(v_ended.queue, v_ended.unique_key, p_id, v_ended.unique_scope, v_now);
            IF v_key.holder <> p_id THEN
                answer := 'conflict';
                other := v_key.holder;
                RETURN;
            END IF;
        END IF;
        DELETE FROM "longshore".history h WHERE h.id = p_id;
        -- A retry by hand ignores an earlier deadline: the job has no deadline any more.
        INSERT INTO "longshore".waiting (
            seq, run_at, created_at, version, unique_scope, reuse_ms, started_at, settled_number, settled_bits, timeout_ms,
            granted_timeout_ms, interruptions, state, rank, attempt, max_attempts, granted_attempts, crashes, outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
            progress, failures)
        SELECT v_ended.seq, v_now + n.wait, v_ended.created_at, v_ended.version + 1, v_ended.unique_scope, v_ended.reuse_ms,
               v_ended.started_at, v_ended.settled_number, v_ended.settled_bits, v_ended.timeout_ms,
               v_ended.granted_timeout_ms, n.to_interruptions, n.to_state, v_ended.rank, n.to_attempt, v_ended.max_attempts,
               v_ended.granted_attempts, n.to_crashes, n.to_outages, p_id, v_ended.worker, v_ended.queue,
               v_ended.kind, v_ended.payload, v_ended.key, v_ended.tags, v_ended.alias, v_ended.unique_key, v_ended.reuse_key,
               v_ended.progress, v_ended.failures
        FROM "longshore".step_v3(v_ended.state, v_ended.attempt, v_ended.crashes, v_ended.interruptions, v_ended.outages,
                            v_ended.cancel_asked, 11::smallint, 0, NULL) n;
        PERFORM "longshore".moved_v3(ARRAY[v_ended.queue], ARRAY[v_ended.kind], ARRAY[v_ended.key], ARRAY[v_ended.state], '{1}', '{1}');
        state := 1;
    END IF;
END $$;
--
-- Name: admit_v3(integer, integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.admit_v3(level integer, known_level integer, paused_until bigint, now bigint) RETURNS TABLE(most bigint, why text, until bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN level > known_level OR paused_until > now THEN 0 END::bigint,
           CASE WHEN level > known_level THEN 'unknown_rule' WHEN paused_until > now THEN 'paused' END,
           CASE WHEN level > known_level THEN NULL WHEN paused_until > now THEN nullif(paused_until, 9223372036854775807) END
$$;
--
-- Name: apply_event_to_all_v3(uuid[], smallint, text, text, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.apply_event_to_all_v3(p_ids uuid[], p_event smallint, p_message text, p_why text, p_now bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all integer[] := ARRAY[cardinality(p_ids)];
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', h.id, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'attempt', h.attempt, 'crashes', h.crashes, 'state', h.state,
        'reason', h.reason)), '[]') FROM "longshore".apply_event_v3(
        p_ids, NULL, NULL, array_fill(p_event, v_all), NULL,
        CASE WHEN p_message IS NOT NULL THEN array_fill(p_message, v_all) END, CASE WHEN p_why IS NOT NULL THEN array_fill(p_why, v_all) END,
        NULL, p_now, p_keep_finished, p_keep_dead) h);
END $$;
--
-- Name: apply_event_to_each_v3(uuid[], smallint, text, text, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.apply_event_to_each_v3(p_ids uuid[], p_event smallint, p_message text, p_why text, p_now bigint, p_keep_finished bigint, p_keep_dead bigint, OUT moved jsonb, OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id    uuid;
    v_moved jsonb;
BEGIN
    failed := 0;
    BEGIN
        moved := "longshore".apply_event_to_all_v3(p_ids, p_event, p_message, p_why, p_now, p_keep_finished, p_keep_dead);
        RETURN;
    EXCEPTION
        WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE; -- not caused by a row
        WHEN OTHERS THEN moved := '[]';
    END;
    FOREACH v_id IN ARRAY p_ids LOOP
        BEGIN
            v_moved := "longshore".apply_event_to_all_v3(ARRAY[v_id], p_event, p_message, p_why, p_now, p_keep_finished, p_keep_dead);
            moved := moved || v_moved;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE;
            WHEN OTHERS THEN
                failed := failed + 1;
                error := coalesce(error, format('job %s: %s', v_id, SQLERRM));
        END;
    END LOOP;
END $$;
--
-- Name: apply_event_v3(uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.apply_event_v3(p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_events smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_now bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS TABLE(place integer, id uuid, queue text, kind text, worker uuid, attempt smallint, crashes smallint, state smallint, reason text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
    -- All callers lock the rows first and in the same order, so that the rows do not change in what follows.
    PERFORM 1 FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
        SELECT 1 FROM "longshore".waiting j WHERE j.id = a.id FOR UPDATE
    ) locked;
    PERFORM 1 FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
        SELECT 1 FROM "longshore".running j WHERE j.id = a.id FOR UPDATE
    ) locked;
    RETURN QUERY
    WITH moving AS MATERIALIZED (
        SELECT a.place, a.number, a.bits, n.*, j.*, coalesce(a.said, j.progress) AS to_progress,
               CASE WHEN a.message IS NULL THEN j.failures
                    ELSE "longshore".with_failure_v3(
                        j.failures, a.message, p_now, j.attempt, j.worker, "longshore".failure_class_v3(a.event, a.why),
                        CASE WHEN j.state = 2 THEN j.started_at END, j.token_number) END AS to_failures,
               CASE WHEN n.to_outages > 0 THEN CASE WHEN j.outages > 0 THEN j.outage_since ELSE p_now END END AS to_outage_since
        FROM unnest(p_ids, p_numbers, p_bits, p_events, p_delays, p_messages, p_whys, p_progresses) WITH ORDINALITY
             AS a (id, number, bits, event, delay, message, why, said, place)
        CROSS JOIN LATERAL (
            SELECT * FROM "longshore".live_v3 j
            WHERE j.id = a.id AND (a.number IS NULL OR (j.token_number = a.number AND j.token_bits = a.bits)) LIMIT 1
        ) j
        CROSS JOIN LATERAL (
            -- A job whose row cannot be moved back must not stop the others.
            SELECT CASE WHEN broken THEN 4::smallint ELSE s.to_state END AS to_state, s.to_attempt, s.to_crashes, s.to_interruptions,
                   s.to_outages, s.to_cancel_asked, s.wait, CASE WHEN broken THEN 'corrupt' ELSE s.reason END AS reason
            FROM "longshore".step_v3(
                j.state, j.attempt, j.crashes, j.interruptions, j.outages, j.cancel_asked, a.event, a.delay, a.why
            ) s CROSS JOIN LATERAL (SELECT j.state = 2 AND s.to_state < 2 AND NOT "longshore".is_sound_v3(ROW(j.*)::"longshore".live_v3) AS broken) b
        ) n
    ), stayed_waiting AS (
        UPDATE "longshore".waiting j
        SET state = m.to_state, attempt = m.to_attempt, crashes = m.to_crashes, interruptions = m.to_interruptions,
            outages = m.to_outages, outage_since = m.to_outage_since, run_at = coalesce(p_now + m.wait, j.run_at), version = j.version + 1, failures = m.to_failures
        FROM moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state < 2 AND m.to_state < 2
    ), stayed_running AS (
        UPDATE "longshore".running j SET cancel_asked = m.to_cancel_asked, version = j.version + 1
        FROM moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state = 2 AND m.to_state = 2
    ), left_waiting AS (
        DELETE FROM "longshore".waiting j USING moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state < 2 AND m.to_state > 2
    ), left_running AS (
        DELETE FROM "longshore".running j USING moving m WHERE j.id = ANY (ARRAY[m.id]) AND m.state = 2 AND m.to_state <> 2
    ), came_back AS (
        INSERT INTO "longshore".waiting (
            seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
            outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt, max_attempts, granted_attempts, crashes,
            outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures)
        SELECT seq, coalesce(p_now + wait, run_at), created_at, version + 1, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), to_outage_since, timeout_ms, granted_timeout_ms,
               to_interruptions, to_state, rank, to_attempt, max_attempts, granted_attempts, to_crashes, to_outages, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, to_progress,
               to_failures
        FROM moving WHERE state = 2 AND to_state < 2
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt, max_attempts,
            granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind,
            payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason)
        SELECT seq, run_at, created_at, least(version, 1000000000000000) + 1, p_now,
               p_now + CASE WHEN to_state = 4 THEN p_keep_dead ELSE p_keep_finished END, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), to_outage_since, timeout_ms, granted_timeout_ms,
               to_interruptions, to_state, rank, to_attempt, max_attempts, granted_attempts, to_crashes, to_outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
               to_progress, to_failures, reason
        FROM moving WHERE to_state > 2
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING moving m CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = m.queue AND k.key = m.unique_key AND k.job = m.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE m.to_state > 2 AND m.unique_key IS NOT NULL AND "longshore".gives_key_back_v3(m.unique_scope, m.to_state)
          AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS MATERIALIZED (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(g.state), array_agg(g.to_state),
                               array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, state, to_state, count(*) AS n FROM moving
              WHERE state <> to_state GROUP BY queue, kind, key, state, to_state) g
    )
    SELECT m.place::integer, m.id, m.queue, m.kind, m.worker, m.to_attempt, m.to_crashes, m.to_state, m.reason
    FROM moving m CROSS JOIN counted c; -- this is one row
END $$;
--
-- Name: history; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.history (
    seq bigint,
    run_at bigint,
    created_at bigint,
    version bigint,
    finished_at bigint NOT NULL,
    keep_until bigint NOT NULL,
    deadline bigint,
    unique_scope bigint,
    reuse_ms bigint,
    started_at bigint,
    settled_number bigint,
    settled_bits bigint,
    artifact bigint,
    artifact_bytes bigint,
    outage_since bigint,
    timeout_ms integer,
    granted_timeout_ms integer,
    interruptions integer,
    state smallint NOT NULL,
    rank smallint,
    attempt smallint,
    max_attempts smallint,
    granted_attempts smallint,
    crashes smallint,
    outages smallint,
    cancel_asked boolean,
    id uuid NOT NULL,
    worker uuid,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text COLLATE pg_catalog."C",
    payload text,
    key text,
    tags jsonb,
    alias text COLLATE pg_catalog."C",
    unique_key text COLLATE pg_catalog."C",
    reuse_key text COLLATE pg_catalog."C",
    progress text,
    failures jsonb,
    reason text,
    result_type text,
    result bytea,
    CONSTRAINT history_state_check CHECK (((state >= 3) AND (state <= 5)))
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0', toast.autovacuum_vacuum_scale_factor='0.05', toast.autovacuum_vacuum_cost_delay='0');
--
-- Name: push_number; Type: SEQUENCE; Schema: longshore; Owner: -
--
CREATE SEQUENCE longshore.push_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
--
-- Name: running; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.running (
    seq bigint,
    run_at bigint,
    created_at bigint,
    version bigint,
    deadline bigint,
    unique_scope bigint,
    reuse_ms bigint,
    started_at bigint NOT NULL,
    settled_number bigint,
    settled_bits bigint,
    token_number bigint NOT NULL,
    token_bits bigint NOT NULL,
    lease_until bigint NOT NULL,
    outage_since bigint,
    timeout_ms integer,
    granted_timeout_ms integer,
    interruptions integer,
    rank smallint,
    attempt smallint,
    max_attempts smallint,
    granted_attempts smallint,
    crashes smallint,
    outages smallint,
    cancel_asked boolean DEFAULT false NOT NULL,
    id uuid NOT NULL,
    worker uuid NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text COLLATE pg_catalog."C",
    payload text,
    key text,
    tags jsonb,
    alias text COLLATE pg_catalog."C",
    unique_key text COLLATE pg_catalog."C",
    reuse_key text COLLATE pg_catalog."C",
    progress text,
    failures jsonb
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.05', toast.autovacuum_vacuum_scale_factor='0.01', toast.autovacuum_vacuum_cost_delay='0');
--
-- Name: waiting; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.waiting (
    seq bigint DEFAULT nextval('longshore.push_number'::regclass) NOT NULL,
    run_at bigint NOT NULL,
    created_at bigint NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    deadline bigint,
    unique_scope bigint,
    reuse_ms bigint,
    started_at bigint,
    settled_number bigint,
    settled_bits bigint,
    outage_since bigint,
    timeout_ms integer,
    granted_timeout_ms integer,
    interruptions integer DEFAULT 0 NOT NULL,
    state smallint NOT NULL,
    rank smallint NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint,
    granted_attempts smallint,
    crashes smallint DEFAULT 0 NOT NULL,
    outages smallint DEFAULT 0 NOT NULL,
    id uuid NOT NULL,
    worker uuid,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    payload text,
    turn bigint,
    key text,
    tags jsonb,
    alias text COLLATE pg_catalog."C",
    unique_key text COLLATE pg_catalog."C",
    reuse_key text COLLATE pg_catalog."C",
    progress text,
    failures jsonb,
    CONSTRAINT waiting_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT waiting_crashes_check CHECK (((crashes >= 0) AND (crashes <= 2))),
    CONSTRAINT waiting_failures_check CHECK ((jsonb_typeof(failures) = 'array'::text)),
    CONSTRAINT waiting_granted_attempts_check CHECK (((granted_attempts >= 1) AND (granted_attempts <= 1000))),
    CONSTRAINT waiting_granted_timeout_ms_check CHECK (((granted_timeout_ms >= 1) AND (granted_timeout_ms <= 86400000))),
    CONSTRAINT waiting_interruptions_check CHECK ((interruptions >= 0)),
    CONSTRAINT waiting_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 1000))),
    CONSTRAINT waiting_outages_check CHECK ((outages >= 0)),
    CONSTRAINT waiting_payload_check CHECK ((octet_length(payload) <= 262144)),
    CONSTRAINT waiting_rank_check CHECK (((rank >= '-100'::integer) AND (rank <= 100))),
    CONSTRAINT waiting_reuse_ms_check CHECK (((reuse_ms >= 0) AND (reuse_ms <= '1000000000000000'::bigint))),
    CONSTRAINT waiting_state_check CHECK (((state >= 0) AND (state <= 1))),
    CONSTRAINT waiting_timeout_ms_check CHECK (((timeout_ms >= 1) AND (timeout_ms <= 86400000))),
    CONSTRAINT waiting_unique_scope_check CHECK (((unique_scope >= 0) AND (unique_scope <= '1000000000000000'::bigint))),
    CONSTRAINT waiting_version_check CHECK (((version >= 1) AND (version <= '1000000000000000'::bigint)))
)
WITH (fillfactor='85', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.05', toast.autovacuum_vacuum_scale_factor='0.01', toast.autovacuum_vacuum_cost_delay='0');
--
-- Name: live_v3; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.live_v3 AS
 SELECT waiting.seq,
    waiting.run_at,
    waiting.created_at,
    waiting.version,
    waiting.deadline,
    waiting.unique_scope,
    waiting.reuse_ms,
    waiting.started_at,
    waiting.settled_number,
    waiting.settled_bits,
    NULL::bigint AS token_number,
    NULL::bigint AS token_bits,
    waiting.outage_since,
    waiting.timeout_ms,
    waiting.granted_timeout_ms,
    waiting.interruptions,
    waiting.state,
    waiting.rank,
    waiting.attempt,
    waiting.max_attempts,
    waiting.granted_attempts,
    waiting.crashes,
    waiting.outages,
    false AS cancel_asked,
    waiting.id,
    waiting.worker,
    waiting.queue,
    waiting.kind,
    waiting.payload,
    waiting.key,
    waiting.tags,
    waiting.alias,
    waiting.unique_key,
    waiting.reuse_key,
    waiting.progress,
    waiting.failures
   FROM longshore.waiting
UNION ALL
 SELECT running.seq,
    running.run_at,
    running.created_at,
    running.version,
    running.deadline,
    running.unique_scope,
    running.reuse_ms,
    running.started_at,
    running.settled_number,
    running.settled_bits,
    running.token_number,
    running.token_bits,
    running.outage_since,
    running.timeout_ms,
    running.granted_timeout_ms,
    running.interruptions,
    (2)::smallint AS state,
    running.rank,
    running.attempt,
    running.max_attempts,
    running.granted_attempts,
    running.crashes,
    running.outages,
    running.cancel_asked,
    running.id,
    running.worker,
    running.queue,
    running.kind,
    running.payload,
    running.key,
    running.tags,
    running.alias,
    running.unique_key,
    running.reuse_key,
    running.progress,
    running.failures
   FROM longshore.running;
--
-- Name: payload; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.payload (
    job uuid NOT NULL,
    text text NOT NULL,
    CONSTRAINT payload_text_check CHECK ((octet_length(text) <= 262144))
);
--
-- Name: snapshot_v3; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.snapshot_v3 AS
 SELECT live_v3.seq,
    live_v3.id,
    live_v3.queue,
    live_v3.kind,
    COALESCE(live_v3.payload, ( SELECT p.text
           FROM longshore.payload p
          WHERE (p.job = live_v3.id))) AS payload,
    live_v3.state,
    live_v3.rank,
    live_v3.key,
    live_v3.unique_key,
    live_v3.reuse_key,
    live_v3.alias,
    live_v3.tags,
    live_v3.attempt,
    COALESCE(live_v3.granted_attempts, live_v3.max_attempts, (20)::smallint) AS max_attempts,
    live_v3.crashes,
    live_v3.interruptions,
    live_v3.outages,
    COALESCE(live_v3.granted_timeout_ms, live_v3.timeout_ms, 1800000) AS timeout_ms,
    live_v3.deadline,
    live_v3.created_at,
    live_v3.run_at,
    live_v3.started_at,
    NULL::bigint AS finished_at,
    live_v3.worker,
    live_v3.cancel_asked,
    live_v3.progress,
    NULL::text AS reason,
    NULL::text AS result_type,
    NULL::bytea AS result,
    NULL::bigint AS artifact,
    NULL::bigint AS artifact_bytes,
    live_v3.failures,
    live_v3.version
   FROM longshore.live_v3
UNION ALL
 SELECT history.seq,
    history.id,
    history.queue,
    history.kind,
    COALESCE(history.payload, ( SELECT p.text
           FROM longshore.payload p
          WHERE (p.job = history.id))) AS payload,
    history.state,
    history.rank,
    history.key,
    history.unique_key,
    history.reuse_key,
    history.alias,
    history.tags,
    history.attempt,
    COALESCE(history.granted_attempts, history.max_attempts, (20)::smallint) AS max_attempts,
    history.crashes,
    history.interruptions,
    history.outages,
    COALESCE(history.granted_timeout_ms, history.timeout_ms, 1800000) AS timeout_ms,
    history.deadline,
    history.created_at,
    history.run_at,
    history.started_at,
    history.finished_at,
    history.worker,
    history.cancel_asked,
    history.progress,
    history.reason,
    history.result_type,
    history.result,
    history.artifact,
    history.artifact_bytes,
    history.failures,
    history.version
   FROM longshore.history;
--
-- Name: at_v3(bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.at_v3(p_seq bigint) RETURNS SETOF longshore.snapshot_v3
    LANGUAGE plpgsql STABLE ROWS 1
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM "longshore".snapshot_v3 s WHERE s.seq = p_seq;
END $$;
--
-- Name: begin_artifact_v3(uuid, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.begin_artifact_v3(p_job uuid, p_claim bigint) RETURNS bigint
    LANGUAGE sql
    AS $$
    INSERT INTO "longshore".artifact_upload (job, claim) VALUES (p_job, p_claim) RETURNING id;
$$;
--
-- Name: best_of_v3(text, integer, text[], integer[], integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.best_of_v3(p_queue text, p_isolated integer, p_kinds text[], p_left integer[], p_want integer) RETURNS TABLE(kinds text[], counts bigint[])
    LANGUAGE sql STABLE
    AS $$
    SELECT array_agg(best.kind), array_agg(best.n)
    FROM (SELECT c.kind, count(*) AS n
          FROM (SELECT j.* FROM unnest(p_kinds, p_left) AS k (kind, n) CROSS JOIN LATERAL (
                    SELECT j.kind, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                    WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                    ORDER BY j.rank, j.run_at, j.seq LIMIT least(p_want, k.n)) j
                ORDER BY j.rank, j.run_at, j.seq LIMIT p_want) c
          GROUP BY c.kind) best
$$;
--
-- Name: bury_late_first_v3(text, integer, text[], integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_late_first_v3(p_queue text, p_isolated integer, p_kinds text[], p_limit integer, p_now bigint, p_keep_dead bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_late uuid[];
BEGIN
    v_late := ARRAY(
        SELECT j.id FROM (
            SELECT first.id, bool_and(first.deadline IS NOT NULL AND first.deadline <= p_now) OVER (
                       ORDER BY first.rank, first.run_at, first.seq) AS late
            FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                      SELECT j.id, j.deadline, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                      WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                      ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) j
                  ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) first
        ) best CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".waiting j WHERE j.id = best.id AND j.deadline <= p_now FOR UPDATE SKIP LOCKED
        ) j
        WHERE best.late ORDER BY best.id);
    IF v_late = '{}' THEN RETURN '[]'; END IF;
    RETURN (SELECT h.moved FROM "longshore".apply_event_to_each_v3(v_late, 12::smallint, NULL, 'expired', p_now, 0, p_keep_dead) h);
END $$;
--
-- Name: bury_late_v3(integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_late_v3(p_limit integer, p_shift bigint, p_keep_dead bigint, OUT buried jsonb, OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now  bigint := "longshore".clock_v3() + p_shift;
    v_late uuid[];
BEGIN
    v_late := ARRAY(
        SELECT late.id FROM (
            SELECT j.id FROM "longshore".waiting j WHERE j.deadline <= v_now
            ORDER BY j.deadline LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) late ORDER BY late.id);
    SELECT h.moved, h.failed, h.error INTO buried, failed, error FROM "longshore".apply_event_to_each_v3(
        v_late, 12::smallint, NULL, 'expired', v_now, 0, p_keep_dead) h;
END $$;
--
-- Name: bury_unknown_v3(integer, text[], bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_unknown_v3(p_limit integer, p_after text[], p_shift bigint, p_keep_dead bigint, OUT buried jsonb, OUT after text[], OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now    bigint := "longshore".clock_v3() + p_shift;
    v_day    bigint := v_now - 86400000;
    v_found  uuid[] := '{}';
    v_place  record;
    v_queue  "longshore".queue;
BEGIN
    after := p_after;
    -- Goes from one queue and kind with ready jobs to the next, with one seek each.
    FOR n IN 1..200 LOOP
        SELECT j.queue, j.crashes / 2 AS isolated, j.kind INTO v_place FROM "longshore".waiting j
        WHERE j.state = 1 AND (j.queue, j.crashes / 2, j.kind) > (coalesce(after[1], ''), coalesce(after[2]::integer, 0), coalesce(after[3], ''))
        ORDER BY j.queue, j.crashes / 2, j.kind LIMIT 1;
        after := CASE WHEN FOUND THEN ARRAY[v_place.queue, v_place.isolated::text, v_place.kind] END;
        EXIT WHEN after IS NULL;
        SELECT * INTO v_queue FROM "longshore".queue q WHERE q.name = v_place.queue;
        CONTINUE WHEN v_queue.workers_seen IS NULL OR v_queue.workers_seen <= v_now - 3600000 OR v_queue.workers_since >= v_day
            OR EXISTS (SELECT 1 FROM "longshore".kind k WHERE k.name = v_place.kind AND k.seen >= v_day);
        v_found := v_found || "longshore".ready_before_v3(v_place.queue, v_place.isolated, v_place.kind, v_day, p_limit - cardinality(v_found));
        EXIT WHEN cardinality(v_found) >= p_limit;
    END LOOP;
    v_found := ARRAY(SELECT f FROM unnest(v_found) AS f ORDER BY f);
    SELECT h.moved, h.failed, h.error INTO buried, failed, error FROM "longshore".apply_event_to_each_v3(
        v_found, 12::smallint, NULL, 'unknown_kind', v_now, 0, p_keep_dead) h;
END $$;
--
-- Name: change_rules_v3(text, bigint, text, integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.change_rules_v3(p_queue text, p_expected bigint, p_rules text, p_level integer, p_paused_until bigint, p_shift bigint, OUT changed boolean, OUT version bigint, OUT rules text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    LOOP
        IF p_expected = 0 THEN
            INSERT INTO "longshore".queue (name) VALUES (p_queue) ON CONFLICT DO NOTHING;
        END IF;
        SELECT q.rules_version, q.rules INTO version, rules FROM "longshore".queue q WHERE q.name = p_queue FOR UPDATE;
        EXIT WHEN FOUND OR p_expected <> 0; -- otherwise it was removed in between
    END LOOP;
    version := coalesce(version, 0);
    changed := version = p_expected;
    IF changed THEN
        version := version + 1;
        rules := p_rules;
        UPDATE "longshore".queue q
        SET rules = p_rules, rules_version = p_expected + 1, rules_level = p_level, paused_until = p_paused_until,
            used_at = "longshore".clock_v3() + p_shift
        WHERE q.name = p_queue;
    END IF;
END $$;
--
-- Name: check_name_v3(text, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.check_name_v3(what text, name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    IF coalesce(name COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$', true) THEN
        PERFORM "longshore".refuse_v3(format('%s %L is not a valid name', what, left(name, 100)),
                                 'names have 1 to 64 letters, digits, `_`, `.` and `-`, and start with a letter or a digit');
    END IF;
END $_$;
--
-- Name: check_payload_v3(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.check_payload_v3(payload text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_brackets text;
    v_depth    integer := 0;
BEGIN
    IF payload IS NULL THEN
        PERFORM "longshore".refuse_v3('the payload is NULL', 'a payload is JSON text, such as `{}`');
    ELSIF octet_length(payload) > 262144 THEN
        PERFORM "longshore".refuse_v3(format('the payload has %s bytes; the limit is 262144', octet_length(payload)),
                                 'store large data elsewhere and push a reference');
    END IF;
    PERFORM payload::json; -- the cast reports what is wrong, and where
    v_brackets := regexp_replace(payload, '[^][{}"\\]', '', 'g');
    IF length(v_brackets) > 64 THEN
        v_brackets := regexp_replace(regexp_replace(payload, '"([^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g');
        FOR n IN 1..length(v_brackets) LOOP
            v_depth := v_depth + CASE WHEN substr(v_brackets, n, 1) IN ('[', '{') THEN 1 ELSE -1 END;
            IF v_depth > 64 THEN
                PERFORM "longshore".refuse_v3('the payload is nested deeper than 64 levels', 'flatten it, or push a reference');
            END IF;
        END LOOP;
    END IF;
END $$;
--
-- Name: claim_again_v3(uuid, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim_again_v3(p_worker uuid, p_first bigint, p_now bigint, p_until bigint) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT j.id FROM unnest("longshore".held_by_v3(p_worker)) AS its (id) CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".running j
            WHERE j.id = its.id AND j.worker = p_worker AND j.token_number >= p_first FOR UPDATE
        ) j
    )
    UPDATE "longshore".running j SET lease_until = p_until FROM held h
    WHERE j.id = ANY (ARRAY[h.id]) AND j.worker = p_worker AND j.token_number >= p_first
    RETURNING j.id, j.token_number, j.token_bits, j.queue, j.kind, j.key, coalesce(j.payload, "longshore".large_payload_v3(j.id)), j.attempt,
              j.granted_attempts, j.crashes, j.granted_timeout_ms, j.outages, coalesce(p_now - j.outage_since, 0), j.started_at - j.run_at;
END $$;
--
-- Name: claim_bare_v3(uuid, bigint, bigint, text[], text[], integer[], smallint[], integer[], text[], integer, bigint, boolean, integer, bigint, boolean, bigint, bigint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim_bare_v3(p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[], p_timeouts integer[], p_others text[], p_limit integer, p_lease bigint, p_idle boolean, p_rules_level integer, p_bits bigint, p_note boolean, p_shift bigint, p_lease_shift bigint, p_keep_dead bigint, p_process text) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean, look_again bigint, isolated_waits boolean, jobs_changed boolean, held_back jsonb, buried jsonb, began_waiting boolean, woken jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_clock bigint;
    v_now   bigint;
    v_until bigint;
    v_known "longshore".worker;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := "longshore".clock_v3();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;
    SELECT * INTO v_known FROM "longshore".worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
    ELSIF v_known.nonce = p_nonce THEN
        RETURN QUERY SELECT a.*, NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean, NULL::jsonb, NULL::jsonb, NULL::boolean, NULL::jsonb
        FROM "longshore".claim_again_v3(p_worker, v_known.first_claim, v_now, v_until) a;
    ELSE
        IF p_note THEN
            PERFORM "longshore".note_workers_v3(p_queues, p_kinds || p_others, v_now);
        END IF;
        RETURN QUERY SELECT * FROM "longshore".claim_ready_v3(
            p_worker, p_nonce, p_queues, p_kinds, p_wanted, p_attempts, p_timeouts, p_others, p_limit, p_idle, p_rules_level, p_bits,
            v_clock, v_now, v_until, p_keep_dead, p_process);
    END IF;
END $$;
--
-- Name: claim_ready_v3(uuid, bigint, text[], text[], integer[], smallint[], integer[], text[], integer, boolean, integer, bigint, bigint, bigint, bigint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim_ready_v3(p_worker uuid, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[], p_timeouts integer[], p_others text[], p_limit integer, p_idle boolean, p_rules_level integer, p_bits bigint, p_clock bigint, p_now bigint, p_until bigint, p_keep_dead bigint, p_process text) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean, look_again bigint, isolated_waits boolean, jobs_changed boolean, held_back jsonb, buried jsonb, began_waiting boolean, woken jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_first  bigint;
    v_queue  text;
    v_queue_state record;
    v_due    record;
    v_again  bigint;
    v_taken  integer := 0;
    v_waits  boolean := false;      -- a job waits that must run isolated
    v_jobs_changed boolean := false;
    v_took_isolated boolean := false; -- the claimed job must run isolated
    v_isolated boolean;
    v_want   integer;
    v_got    integer;
    v_late   jsonb;
    v_buried jsonb := '[]';
    v_held   jsonb := '[]';
    v_woken  jsonb := '[]';         -- jobs that became ready
    v_open   text[] := '{}';        -- queues that are not held back
    v_left   integer[] := p_wanted; -- how many more of each kind; empty: no limit
    v_place  integer;
    v_kinds  text[];
    v_counts bigint[];
BEGIN
    FOREACH v_queue IN ARRAY p_queues LOOP
        SELECT * INTO v_queue_state FROM "longshore".inspect_queue_v3(v_queue, p_rules_level, p_now);
        IF v_queue_state.due <= p_now THEN
            SELECT * INTO v_due FROM "longshore".promote_v3(v_queue, p_now);
            v_jobs_changed := v_jobs_changed OR v_due.promoted;
            v_woken := v_woken || v_due.woken;
            v_queue_state.isolated_ready := v_queue_state.isolated_ready OR v_due.promoted; -- possibly; checked in detail below
            v_queue_state.due := v_due.next_due;
        END IF;
        v_again := least(v_again, v_queue_state.due, v_queue_state.until);
        IF v_queue_state.why IS NOT NULL THEN
            v_held := v_held || jsonb_build_object('queue', v_queue, 'why', v_queue_state.why, 'until', v_queue_state.until - p_now);
        END IF;
        CONTINUE WHEN v_queue_state.most = 0;
        v_open := v_open || v_queue;
        v_isolated := v_queue_state.isolated_ready AND "longshore".has_isolated_v3(v_queue, p_kinds || p_others);
        v_waits := v_waits OR v_isolated;
        v_isolated := v_isolated AND p_idle AND v_taken = 0;
        -- A worker is kept free for a job that must run isolated, even while it wants no job of that kind.
        CONTINUE WHEN v_isolated AND p_others <> '{}' AND NOT "longshore".has_isolated_v3(v_queue, p_kinds);
        LOOP
            v_want := CASE WHEN v_took_isolated THEN 0 WHEN v_isolated THEN least(p_limit, 1) ELSE p_limit - v_taken END;
            EXIT WHEN v_want <= 0;
            IF cardinality(p_kinds) = 1 THEN
                v_kinds := p_kinds;
                v_counts := ARRAY[least(v_want, v_left[1])];
            ELSE
                SELECT b.kinds, b.counts INTO v_kinds, v_counts FROM "longshore".best_of_v3(v_queue, v_isolated::integer, p_kinds, v_left, v_want) b;
            END IF;
            v_first := coalesce(v_first, nextval('"longshore".claim_number'));
            v_got := 0;
            FOR id, token_number, token_bits, queue, kind, key, payload, attempt, max_attempts, crashes, timeout_ms, outages, outage_for,
                waited IN
                SELECT * FROM "longshore".start_v3(
                    p_worker, v_queue, v_isolated::integer, v_kinds, v_counts, p_kinds, p_attempts, p_timeouts, p_bits, p_now, p_until)
            LOOP
                RETURN NEXT;
                v_got := v_got + 1;
                IF v_left <> '{}' THEN
                    v_place := array_position(p_kinds, kind);
                    v_left[v_place] := v_left[v_place] - 1;
                END IF;
            END LOOP;
            v_taken := v_taken + v_got;
            v_took_isolated := v_isolated AND v_got > 0;
            CONTINUE WHEN v_took_isolated; -- ends the loop
            IF v_got < v_want AND v_queue_state.late THEN
                IF jsonb_array_length(v_buried) >= 500 THEN
                    v_again := p_now; -- enough for one call; claim again at once
                    EXIT;
                END IF;
                v_late := "longshore".bury_late_first_v3(
                    v_queue, v_isolated::integer, "longshore".still_wanted_v3(p_kinds, v_left), 500 - jsonb_array_length(v_buried), p_now,
                    p_keep_dead);
                v_buried := v_buried || v_late;
                CONTINUE WHEN v_late <> '[]';
            END IF;
            EXIT WHEN NOT v_isolated AND (v_got = 0 OR cardinality(p_kinds) = 1);
            v_isolated := false;
        END LOOP;
    END LOOP;
    IF v_taken > 0 THEN
        INSERT INTO "longshore".worker AS w (id, nonce, first_claim, released, seen) VALUES (p_worker, p_nonce, v_first, false, p_now)
        ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, first_claim = excluded.first_claim, seen = excluded.seen;
    END IF;
    -- A waiting worker is notified of the next job.
    began_waiting := v_taken < p_limit AND NOT v_took_isolated AND v_open <> '{}' AND "longshore".wait_for_work_v3(
        p_worker, p_process, v_open, "longshore".still_wanted_v3(p_kinds, v_left), p_clock);
    id := NULL; token_number := NULL; token_bits := NULL; queue := NULL; kind := NULL; key := NULL; payload := NULL; -- not a job
    look_again := CASE WHEN v_again IS NOT NULL THEN greatest(v_again - p_now, 0) END;
    isolated_waits := v_waits;
    jobs_changed := v_jobs_changed OR v_buried <> '[]';
    held_back := nullif(v_held, '[]');
    buried := nullif(v_buried, '[]');
    woken := nullif(v_woken, '[]');
    RETURN NEXT;
END $$;
--
-- Name: claim_v3(uuid, bigint, bigint, text[], text[], integer[], smallint[], integer[], text[], integer, bigint, boolean, integer, bigint, boolean, bigint, bigint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim_v3(p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_wanted integer[], p_attempts smallint[], p_timeouts integer[], p_others text[], p_limit integer, p_lease bigint, p_idle boolean, p_rules_level integer, p_bits bigint, p_note boolean, p_shift bigint, p_lease_shift bigint, p_keep_dead bigint, p_process text) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint, released boolean, look_again bigint, isolated_waits boolean, jobs_changed boolean, held_back jsonb, buried jsonb, began_waiting boolean, woken jsonb)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_clock bigint;
    v_now   bigint;
    v_until bigint;
    v_known "longshore".worker;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := "longshore".clock_v3();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;
    SELECT * INTO v_known FROM "longshore".worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
    ELSIF v_known.nonce = p_nonce THEN
        RETURN QUERY SELECT a.*, NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean, NULL::jsonb, NULL::jsonb, NULL::boolean, NULL::jsonb
        FROM "longshore".claim_again_v3(p_worker, v_known.first_claim, v_now, v_until) a;
    ELSE
        IF p_note THEN
            PERFORM "longshore".note_workers_v3(p_queues, p_kinds || p_others, v_now);
        END IF;
        RETURN QUERY SELECT * FROM "longshore".claim_ready_v3(
            p_worker, p_nonce, p_queues, p_kinds, p_wanted, p_attempts, p_timeouts, p_others, p_limit, p_idle, p_rules_level, p_bits,
            v_clock, v_now, v_until, p_keep_dead, p_process);
    END IF;
END $$;
--
-- Name: clock_v3(); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.clock_v3() RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT floor(date_part('epoch', clock_timestamp()) * 1000)::bigint $$;
--
-- Name: delete_artifact_v3(uuid, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.delete_artifact_v3(p_job uuid, p_claim bigint) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_upload bigint;
BEGIN
    DELETE FROM "longshore".artifact_head a WHERE a.job = p_job AND a.claim = p_claim RETURNING a.upload INTO v_upload;
    DELETE FROM "longshore".artifact_chunk c WHERE c.upload = v_upload;
    FOR v_upload IN SELECT u.id FROM "longshore".artifact_upload u WHERE u.job = p_job AND u.claim = p_claim LOOP
        PERFORM "longshore".drop_upload_v3(v_upload);
    END LOOP;
END $$;
--
-- Name: delete_finished_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.delete_finished_v3(p_ids uuid[], OUT pruned bigint, OUT jobs uuid[], OUT claims bigint[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH gone AS (
        DELETE FROM "longshore".history h USING unnest(p_ids) AS o (id) WHERE h.id = ANY (ARRAY[o.id]) RETURNING h.*
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING gone g CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = g.queue AND k.key = g.unique_key AND k.job = g.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE g.unique_key IS NOT NULL AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), logs AS (
        DELETE FROM "longshore".log l USING gone g WHERE l.job = ANY (ARRAY[g.id])
    ), payloads AS (
        DELETE FROM "longshore".payload p USING gone g WHERE p.job = ANY (ARRAY[g.id])
    ), its AS MATERIALIZED (
        SELECT t.tag, g.seq FROM gone g CROSS JOIN LATERAL "longshore".tags_of_v3(g.tags) AS t (tag)
    ), untagged AS (
        DELETE FROM "longshore".job_tag t USING its WHERE t.tag = ANY (ARRAY[its.tag]) AND t.seq = ANY (ARRAY[its.seq])
    ), counted AS MATERIALIZED (
        SELECT "longshore".moved_v3(array_agg(m.queue), array_agg(m.kind), array_agg(m.key), array_agg(m.state), array_agg(NULL::smallint),
                               array_agg(m.n)) AS done
        FROM (SELECT queue, kind, key, state, count(*) AS n FROM gone GROUP BY queue, kind, key, state) m
    )
    SELECT count(*), coalesce(array_agg(g.id) FILTER (WHERE g.artifact IS NOT NULL), '{}'),
           coalesce(array_agg(g.artifact) FILTER (WHERE g.artifact IS NOT NULL), '{}')
    INTO pruned, jobs, claims FROM gone g CROSS JOIN counted c; -- this is one row
END $$;
--
-- Name: doubles_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.doubles_v3(p_ids uuid[]) RETURNS TABLE(id uuid, queue text, newest text, places text, waiting bigint, running bigint, history bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT j.id, min(j.queue), (array_agg(j.place ORDER BY j.version DESC NULLS LAST, j.place))[1],
           string_agg(j.place, ' and ' ORDER BY j.place DESC), min(j.version) FILTER (WHERE j.place = 'waiting'),
           min(j.version) FILTER (WHERE j.place = 'running'), min(j.version) FILTER (WHERE j.place = 'history')
    FROM (SELECT w.id, w.queue, 'waiting' AS place, w.version FROM "longshore".waiting w WHERE w.id = ANY (p_ids)
          UNION ALL SELECT r.id, r.queue, 'running', r.version FROM "longshore".running r WHERE r.id = ANY (p_ids)
          UNION ALL SELECT h.id, h.queue, 'history', h.version FROM "longshore".history h WHERE h.id = ANY (p_ids)) j
    GROUP BY j.id HAVING count(*) > 1
$$;
--
-- Name: drop_upload_v3(bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.drop_upload_v3(p_upload bigint) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    DELETE FROM "longshore".artifact_upload u WHERE u.id = p_upload;
    IF FOUND THEN
        DELETE FROM "longshore".artifact_chunk c WHERE c.upload = p_upload;
    END IF;
END $$;
--
-- Name: failure_class_v3(smallint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.failure_class_v3(event smallint, why text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE
        WHEN event = 7 THEN 3
        WHEN event = 13 THEN 2
        WHEN event NOT IN (4, 12) THEN 0
        ELSE CASE why WHEN 'exhausted' THEN 0 WHEN 'outage' THEN 2 WHEN 'crashed' THEN 3 WHEN 'corrupt' THEN 4 ELSE 1 END
    END
$$;
--
-- Name: find_v3(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.find_v3(p_alias text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN (SELECT f.id FROM (
        (SELECT j.id, j.seq FROM "longshore".live_v3 j WHERE j.alias = p_alias ORDER BY j.seq DESC LIMIT 1)
        UNION ALL
        (SELECT h.id, h.seq FROM "longshore".history h WHERE h.alias = p_alias ORDER BY h.seq DESC LIMIT 1)
    ) f ORDER BY f.seq DESC LIMIT 1);
END $$;
--
-- Name: finding_v3(text, uuid, text, boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.finding_v3(p_queue text, p_job uuid, p_what text, p_repaired boolean) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT jsonb_build_array(jsonb_build_object('queue', p_queue, 'job', p_job, 'what', p_what, 'repaired', p_repaired))
$$;
--
-- Name: finish_artifact_v3(bigint, bigint, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.finish_artifact_v3(p_upload bigint, p_bytes bigint, p_chunk_bytes integer) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_upload "longshore".artifact_upload;
    v_before bigint;
BEGIN
    DELETE FROM "longshore".artifact_upload u WHERE u.id = p_upload RETURNING * INTO v_upload;
    IF NOT FOUND THEN
        PERFORM FROM "longshore".artifact_head a WHERE a.upload = p_upload;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'longshore: the artifact was deleted while it was written' USING ERRCODE = 'query_canceled';
        END IF;
        RETURN;
    END IF;
    LOOP
        INSERT INTO "longshore".artifact_head (job, claim, bytes, chunk_bytes, upload)
        VALUES (v_upload.job, v_upload.claim, p_bytes, p_chunk_bytes, p_upload) ON CONFLICT (job, claim) DO NOTHING;
        EXIT WHEN FOUND;
        SELECT a.upload INTO v_before FROM "longshore".artifact_head a WHERE a.job = v_upload.job AND a.claim = v_upload.claim FOR UPDATE;
        IF FOUND THEN
            UPDATE "longshore".artifact_head a
            SET body = NULL, bytes = p_bytes, chunk_bytes = p_chunk_bytes, upload = p_upload, made_at = clock_timestamp()
            WHERE a.job = v_upload.job AND a.claim = v_upload.claim;
            DELETE FROM "longshore".artifact_chunk c WHERE c.upload = v_before;
            EXIT;
        END IF;
    END LOOP;
END $$;
--
-- Name: fold_counts_v3(bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.fold_counts_v3(p_lock bigint, p_shift bigint, OUT more boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
BEGIN
    more := false;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    WITH gone AS (
        DELETE FROM "longshore".count_change c WHERE c.ctid = ANY (ARRAY(SELECT c.ctid FROM "longshore".count_change c LIMIT 20000))
        RETURNING c.*
    ), sums AS (
        SELECT queue, sum(scheduled) AS scheduled, sum(ready) AS ready, sum(running) AS running, sum(succeeded) AS succeeded,
               sum(dead) AS dead, sum(cancelled) AS cancelled, count(*) AS changes,
               CASE WHEN bool_or(scheduled + ready + running + succeeded + dead + cancelled > 0) -- there were pushes
                    THEN "longshore".clock_v3() + p_shift ELSE 0 END AS used_at
        FROM gone GROUP BY queue
    ), folded AS (
        INSERT INTO "longshore".queue AS q (name, scheduled, ready, running, succeeded, dead, cancelled, used_at)
        SELECT queue, scheduled, ready, running, succeeded, dead, cancelled, used_at FROM sums ORDER BY queue
        ON CONFLICT (name) DO UPDATE
        SET scheduled = q.scheduled + excluded.scheduled, ready = q.ready + excluded.ready, running = q.running + excluded.running,
            succeeded = q.succeeded + excluded.succeeded, dead = q.dead + excluded.dead,
            cancelled = q.cancelled + excluded.cancelled, used_at = greatest(q.used_at, excluded.used_at)
    )
    SELECT coalesce(sum(changes), 0) >= 20000 INTO more FROM sums;
END $$;
--
-- Name: forget_answers_v3(integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.forget_answers_v3(p_limit integer, p_shift bigint, OUT more boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now  bigint := "longshore".clock_v3() + p_shift;
    v_over "longshore".idempotency[];
BEGIN
    v_over := ARRAY(
        SELECT a FROM "longshore".idempotency a WHERE a.until <= v_now ORDER BY a.until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    DELETE FROM "longshore".idempotency a USING unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND NOT "longshore".is_known_v3(o.job);
    UPDATE "longshore".idempotency a SET until = v_now + 3600000 FROM unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND "longshore".is_known_v3(o.job);
    more := cardinality(v_over) >= p_limit;
END $$;
--
-- Name: forget_kinds_v3(text, integer, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.forget_kinds_v3(p_after text, p_limit integer, p_lock bigint, p_kept bigint, p_shift bigint, OUT after text, OUT forgotten bigint) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now    bigint := "longshore".clock_v3() + p_shift;
    v_names  text[];
    v_unused text[];
BEGIN
    forgotten := 0;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    v_names := ARRAY(SELECT k.name FROM "longshore".kind k WHERE k.name > p_after ORDER BY k.name LIMIT p_limit);
    after := v_names[p_limit];
    v_unused := ARRAY(
        SELECT k.name FROM "longshore".kind k
        WHERE k.name > p_after AND k.name <= v_names[cardinality(v_names)] AND k.seen <= v_now - p_kept FOR UPDATE SKIP LOCKED);
    DELETE FROM "longshore".kind k USING unnest(v_unused) AS u (name) WHERE k.name = ANY (ARRAY[u.name]);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END $$;
--
-- Name: forget_queues_v3(text, integer, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.forget_queues_v3(p_after text, p_limit integer, p_lock bigint, p_kept bigint, p_shift bigint, OUT after text, OUT forgotten bigint) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now    bigint := "longshore".clock_v3() + p_shift;
    v_names  text[];
    v_unused text[];
BEGIN
    forgotten := 0;
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    v_names := ARRAY(SELECT q.name FROM "longshore".queue q WHERE q.name > p_after ORDER BY q.name LIMIT p_limit);
    after := v_names[p_limit];
    -- Checked again under the lock. A level of 1 is a pause and nothing else.
    v_unused := ARRAY(
        SELECT q.name FROM "longshore".queue q
        WHERE q.name > p_after AND q.name <= v_names[cardinality(v_names)]
          AND greatest(q.used_at, q.workers_seen) <= v_now - p_kept
          AND (q.rules_level = 0 OR q.rules_level = 1 AND q.paused_until <= v_now)
          AND (q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled) = (0, 0, 0, 0, 0, 0)
        FOR UPDATE SKIP LOCKED);
    DELETE FROM "longshore".queue q USING unnest(v_unused) AS u (name) WHERE q.name = ANY (ARRAY[u.name]);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END $$;
--
-- Name: forget_worker_v3(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.forget_worker_v3(p_id uuid) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    DELETE FROM "longshore".worker_note w WHERE w.id = p_id;
    DELETE FROM "longshore".waiter w WHERE w.worker = p_id;
END $$;
--
-- Name: forget_workers_v3(integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.forget_workers_v3(p_limit integer, p_shift bigint, OUT more boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now  bigint := "longshore".clock_v3() + p_shift;
    v_rows bigint;
BEGIN
    DELETE FROM "longshore".worker_note w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM "longshore".worker_note w WHERE w.seen <= v_now - 3600000 ORDER BY w.seen LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := v_rows >= p_limit;
    DELETE FROM "longshore".worker w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM "longshore".worker w
        WHERE w.seen < v_now - 86400000 AND NOT EXISTS (SELECT 1 FROM "longshore".running j WHERE j.worker = w.id)
        LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := more OR v_rows >= p_limit;
    DELETE FROM "longshore".waiter w WHERE w.worker = ANY (ARRAY(
        SELECT w.worker FROM "longshore".waiter w WHERE w.seen < "longshore".clock_v3() - 3600000 LIMIT p_limit FOR UPDATE SKIP LOCKED));
END $$;
--
-- Name: get_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.get_v3(p_ids uuid[]) RETURNS TABLE(place bigint, job longshore.snapshot_v3)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.place, ROW(s.*)::"longshore".snapshot_v3 FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (SELECT * FROM "longshore".snapshot_v3 s WHERE s.id = a.id LIMIT 1) s;
END $$;
--
-- Name: gives_key_back_v3(bigint, smallint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.gives_key_back_v3(scope bigint, to_state smallint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE scope WHEN 0 THEN to_state >= 2 WHEN 1 THEN to_state > 2 ELSE to_state > 3 END
$$;
--
-- Name: goes_on_v3(bigint, integer, jsonb); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.goes_on_v3(p_checked bigint, p_limit integer, p_keys jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN p_checked >= p_limit THEN p_keys END
$$;
--
-- Name: has_isolated_v3(text, text[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.has_isolated_v3(p_queue text, p_kinds text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
            SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
        ) isolated);
END $$;
--
-- Name: held_by_v3(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.held_by_v3(p_worker uuid) RETURNS uuid[]
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Without OFFSET 0, the planner may prefer a scan of all rows in order of id to the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM "longshore".running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;
--
-- Name: holds_key_v3(bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.holds_key_v3(until bigint, now bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT until IS NULL OR until > now
$$;
--
-- Name: in_ms_v3(interval); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.in_ms_v3(i interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT floor(date_part('epoch', i) * 1000)::bigint $$;
--
-- Name: inspect_queue_v3(text, integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.inspect_queue_v3(p_queue text, p_rules_level integer, p_now bigint) RETURNS TABLE(due bigint, isolated_ready boolean, late boolean, most bigint, why text, until bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = p_queue ORDER BY j.run_at LIMIT 1),
           EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = 1),
           EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.deadline <= p_now),
           a.most, a.why, a.until
    FROM (SELECT) one LEFT JOIN "longshore".queue q ON q.name = p_queue
    CROSS JOIN LATERAL "longshore".admit_v3(q.rules_level, p_rules_level, q.paused_until, p_now) a
$$;
--
-- Name: is_known_v3(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.is_known_v3(p_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM "longshore".live_v3 WHERE id = p_id) OR EXISTS (SELECT 1 FROM "longshore".history WHERE id = p_id);
END $$;
--
-- Name: is_sound_v3(longshore.live_v3); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.is_sound_v3(j longshore.live_v3) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
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
--
-- Name: is_there_v3(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.is_there_v3(p_job uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM "longshore".live_v3 l WHERE l.id = p_job) OR EXISTS (SELECT 1 FROM "longshore".history h WHERE h.id = p_job);
END $$;
--
-- Name: keep_payloads_v3(uuid[], text[], uuid[], uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.keep_payloads_v3(p_ids uuid[], p_payloads text[], p_inserted uuid[], p_known uuid[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "longshore".payload (job, text)
    SELECT DISTINCT ON (n.id) n.id, n.text FROM unnest(p_ids, p_payloads) WITH ORDINALITY AS n (id, text, place)
    WHERE octet_length(n.text) > 1024 AND n.id = ANY (p_inserted) AND n.id <> ALL (p_known)
    ORDER BY n.id, n.place
    ON CONFLICT (job) DO UPDATE SET text = excluded.text;
END $$;
--
-- Name: kept_for_key_v3(bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.kept_for_key_v3(keep_until bigint, until bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT greatest(keep_until, until)
$$;
--
-- Name: key_until_v3(bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.key_until_v3(scope bigint, now bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN scope >= 2 THEN now + scope - 2 END
$$;
--
-- Name: large_payload_v3(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.large_payload_v3(p_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT p.text FROM "longshore".payload p WHERE p.job = p_id);
END $$;
--
-- Name: list_v3(bigint, integer, text, text, smallint, text, text, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.list_v3(p_end bigint, p_limit integer, p_queue text, p_kind text, p_state smallint, p_tag text, p_key text, p_scan integer) RETURNS TABLE(seq bigint, next bigint)
    LANGUAGE plpgsql STABLE ROWS 200
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
            (SELECT j.seq, j.queue, j.kind, j.state, j.tags, j.key FROM "longshore".waiting j
             WHERE j.seq < p_end AND coalesce(p_state < 2, true) AND p_tag IS NULL ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT j.seq, j.queue, j.kind, 2::smallint, j.tags, j.key FROM "longshore".running j
             WHERE j.seq < p_end AND coalesce(p_state = 2, true) AND p_tag IS NULL ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM "longshore".history h
             WHERE h.seq < p_end AND coalesce(p_state > 2 AND p_state <> 4, true) AND p_tag IS NULL ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- the few dead jobs, by their own index
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM "longshore".history h
             WHERE h.state = 4 AND h.seq < p_end AND p_state = 4 AND p_tag IS NULL ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- jobs with a tag, by its index
            (SELECT t.seq, j.queue, j.kind, j.state, j.tags, j.key FROM (
                SELECT t.seq FROM "longshore".job_tag t WHERE t.tag = p_tag AND t.seq < p_end ORDER BY t.seq DESC LIMIT v_scan + 1
             ) t LEFT JOIN LATERAL (
                SELECT j.queue, j.kind, j.state, j.tags, j.key FROM "longshore".live_v3 j WHERE j.seq = t.seq
                UNION ALL SELECT h.queue, h.kind, h.state, h.tags, h.key FROM "longshore".history h WHERE h.seq = t.seq LIMIT 1
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
--
-- Name: may_hold_key_v3(text, text, uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.may_hold_key_v3(p_queue text, p_key text, p_job uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM (SELECT l.queue, l.unique_key, l.unique_scope, l.state FROM "longshore".live_v3 l WHERE l.id = p_job
                       UNION ALL
                       SELECT h.queue, h.unique_key, h.unique_scope, h.state FROM "longshore".history h WHERE h.id = p_job) j
        WHERE j.queue = p_queue AND j.unique_key = p_key AND NOT "longshore".gives_key_back_v3(j.unique_scope, j.state));
END $$;
--
-- Name: moved_v3(text[], text[], text[], smallint[], smallint[], bigint[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.moved_v3(p_queues text[], p_kinds text[], p_keys text[], p_from smallint[], p_to smallint[], p_n bigint[]) RETURNS boolean
    LANGUAGE plpgsql STRICT
    AS $$
BEGIN
    INSERT INTO "longshore".count_change (queue, scheduled, ready, running, succeeded, dead, cancelled)
    SELECT m.queue,
           sum(CASE 0 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 1 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 2 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 3 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 4 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END),
           sum(CASE 5 WHEN m.becomes THEN m.n WHEN m.was THEN -m.n ELSE 0 END)
    FROM (SELECT u.queue, u.was, u.becomes, u.n::integer AS n -- a sum of bigint would be numeric
          FROM unnest(p_queues, p_kinds, p_keys, p_from, p_to, p_n) AS u (queue, kind, key, was, becomes, n)) m
    WHERE m.was IS DISTINCT FROM m.becomes
    GROUP BY m.queue;
    RETURN true;
END $$;
--
-- Name: new_id_v3(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.new_id_v3(queue text) RETURNS uuid
    LANGUAGE sql
    AS $$
    SELECT (lpad(to_hex("longshore".clock_v3()), 12, '0') || '8' || lpad(to_hex(tag >> 4), 3, '0')
            || to_hex(128 + 4 * (tag & 15) + (('x' || substr(random, 18, 1))::bit(4)::integer & 3)) || substr(random, 19, 14))::uuid
    FROM "longshore".queue_tag_v3(queue) AS tag, replace(gen_random_uuid()::text, '-', '') AS random
$$;
--
-- Name: note_worker_v3(uuid, text, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.note_worker_v3(p_id uuid, p_note text, p_shift bigint) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_now bigint := "longshore".clock_v3() + p_shift;
BEGIN
    INSERT INTO "longshore".worker_note AS w (id, since, seen, note) VALUES (p_id, v_now, v_now, p_note)
    ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, note = excluded.note;
END $$;
--
-- Name: note_workers_v3(text[], text[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.note_workers_v3(p_queues text[], p_kinds text[], p_now bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "longshore".queue (name) SELECT name FROM unnest(p_queues) AS n (name)
    WHERE NOT EXISTS (SELECT 1 FROM "longshore".queue q WHERE q.name = n.name) ORDER BY name ON CONFLICT DO NOTHING;
    UPDATE "longshore".queue q
    SET workers_since = CASE WHEN q.workers_seen < p_now - 3600000 THEN p_now ELSE q.workers_since END, workers_seen = p_now
    FROM (SELECT name FROM "longshore".queue WHERE name = ANY (p_queues) FOR UPDATE SKIP LOCKED) mine WHERE q.name = mine.name;
    INSERT INTO "longshore".kind (name, seen) SELECT name, p_now FROM unnest(p_kinds) AS n (name)
    WHERE NOT EXISTS (SELECT 1 FROM "longshore".kind k WHERE k.name = n.name) ORDER BY name ON CONFLICT DO NOTHING;
    UPDATE "longshore".kind k SET seen = p_now
    FROM (SELECT name FROM "longshore".kind WHERE name = ANY (p_kinds) FOR UPDATE SKIP LOCKED) mine WHERE k.name = mine.name;
END $$;
--
-- Name: notify_work_v3(text[], text[], integer[], uuid[], text, text[], text[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.notify_work_v3(p_queues text[], p_kinds text[], p_jobs integer[], p_ids uuid[], p_process text, p_full_queues text[], p_full_kinds text[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_clock   bigint := "longshore".clock_v3();
    v_work    record;
    v_waiter  record;
    v_left    bigint;               -- jobs for which no worker was notified yet
    v_gone    bigint;
BEGIN
    UPDATE "longshore".waiter w SET waits = false FROM unnest(p_full_queues, p_full_kinds) AS f (queue, kind)
    WHERE w.process = p_process AND f.queue = ANY (w.queues) AND f.kind = ANY (w.kinds);
    FOR v_work IN
        SELECT a.queue, a.kind, sum(a.jobs) AS jobs
        FROM (SELECT u.queue, u.kind, u.jobs FROM unnest(p_queues, p_kinds, p_jobs) AS u (queue, kind, jobs)
              UNION ALL
              SELECT j.queue, j.kind, 1 FROM unnest(p_ids) AS i (id)
              CROSS JOIN LATERAL (SELECT j.queue, j.kind FROM "longshore".waiting j WHERE j.id = i.id LIMIT 1) j) a
        GROUP BY a.queue, a.kind
    LOOP
        v_left := v_work.jobs;
        WHILE v_left > 0 LOOP
            v_gone := 0;
            FOR v_waiter IN
                UPDATE "longshore".waiter w SET told = v_clock
                FROM (SELECT o.worker FROM "longshore".waiter o
                      WHERE o.waits AND o.seen > v_clock - 30000 AND (o.told <= o.seen OR o.told > v_clock - 2000) AND o.process <> p_process
                            AND v_work.queue = ANY (o.queues) AND v_work.kind = ANY (o.kinds)
                      ORDER BY o.told LIMIT v_left FOR UPDATE SKIP LOCKED) next
                WHERE w.worker = ANY (ARRAY[next.worker]) RETURNING w.worker, w.process
            LOOP
                IF pg_try_advisory_xact_lock(hashtextextended(v_waiter.process, 0)) THEN
                    v_gone := v_gone + 1;
                    DELETE FROM "longshore".waiter w WHERE w.worker = v_waiter.worker;
                ELSE
                    PERFORM pg_notify('longshore:work:' || v_waiter.process, v_work.queue || ' ' || v_work.kind);
                END IF;
            END LOOP;
            v_left := v_gone;
        END LOOP;
    END LOOP;
END $$;
--
-- Name: old_artifacts_v3(bigint, uuid, bigint, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.old_artifacts_v3(p_age bigint, p_job uuid, p_claim bigint, p_limit integer) RETURNS TABLE(job uuid, claim bigint)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_job    uuid := coalesce(p_job, '00000000-0000-0000-0000-000000000000');
    v_claim  bigint := coalesce(p_claim, -1);
    v_before timestamptz := clock_timestamp() - p_age * interval '1 millisecond';
BEGIN
    RETURN QUERY
    SELECT o.job, o.claim FROM (
        (SELECT a.job, a.claim FROM "longshore".artifact_head a
         WHERE (a.job, a.claim) > (v_job, v_claim) AND a.made_at <= v_before ORDER BY a.job, a.claim LIMIT p_limit)
        UNION
        (SELECT u.job, u.claim FROM "longshore".artifact_upload u
         WHERE (u.job, u.claim) > (v_job, v_claim) AND u.made_at <= v_before ORDER BY u.job, u.claim LIMIT p_limit)
    ) o
    ORDER BY o.job, o.claim LIMIT p_limit;
END $$;
--
-- Name: oldest_ready_v3(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.oldest_ready_v3(p_queue text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    v_oldest bigint;
    v_next   record;
    v_isolated  integer := -1;
    v_kind   text := '';
    v_rank   smallint := 0;
BEGIN
    LOOP
        SELECT j.crashes / 2 AS isolated, j.kind, j.rank, j.run_at INTO v_next FROM "longshore".waiting j
        WHERE j.state = 1 AND j.queue = p_queue AND (j.crashes / 2, j.kind, j.rank) > (v_isolated, v_kind, v_rank)
        ORDER BY j.crashes / 2, j.kind, j.rank, j.run_at LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_oldest := least(v_oldest, v_next.run_at);
        v_isolated := v_next.isolated;
        v_kind := v_next.kind;
        v_rank := v_next.rank;
    END LOOP;
    RETURN v_oldest;
END $$;
--
-- Name: promote_v3(text, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.promote_v3(p_queue text, p_now bigint, OUT promoted boolean, OUT woken jsonb, OUT next_due bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT j.id FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = p_queue AND j.run_at <= p_now
        ORDER BY j.run_at LIMIT 500 FOR UPDATE SKIP LOCKED
    ), changed AS (
        UPDATE "longshore".waiting j SET state = 1, version = j.version + 1 FROM due d WHERE j.id = ANY (ARRAY[d.id])
        RETURNING j.queue, j.kind, j.key
    )
    SELECT coalesce("longshore".moved_v3(
               array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(0::smallint), array_agg(1::smallint), array_agg(g.n)
           ), false),
           coalesce(jsonb_agg(jsonb_build_object('queue', g.queue, 'kind', g.kind, 'jobs', g.n)), '[]')
    INTO promoted, woken FROM (SELECT queue, kind, key, count(*) AS n FROM changed GROUP BY queue, kind, key) g;
    next_due := (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = p_queue ORDER BY j.run_at LIMIT 1);
END $$;
--
-- Name: prune_v3(integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.prune_v3(p_limit integer, p_shift bigint, OUT pruned bigint, OUT jobs uuid[], OUT claims bigint[], OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_now  bigint := "longshore".clock_v3() + p_shift;
    v_old  uuid[];
    v_id   uuid;
    v_gone record;
BEGIN
    failed := 0;
    v_old := ARRAY(
        SELECT h.id FROM "longshore".history h WHERE h.keep_until <= v_now ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    BEGIN
        SELECT d.pruned, d.jobs, d.claims INTO pruned, jobs, claims FROM "longshore".delete_finished_v3(v_old) d;
        RETURN;
    EXCEPTION
        WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE; -- not caused by a row
        WHEN OTHERS THEN pruned := 0; jobs := '{}'; claims := '{}';
    END;
    FOREACH v_id IN ARRAY v_old LOOP
        BEGIN
            SELECT d.pruned, d.jobs, d.claims INTO v_gone FROM "longshore".delete_finished_v3(ARRAY[v_id]) d;
            pruned := pruned + v_gone.pruned;
            jobs := jobs || v_gone.jobs;
            claims := claims || v_gone.claims;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR lock_not_available THEN RAISE;
            WHEN OTHERS THEN
                failed := failed + 1;
                error := coalesce(error, format('job %s: %s', v_id, SQLERRM));
        END;
    END LOOP;
END $$;
--
-- Name: push(text, text, text, integer, timestamp with time zone, interval, integer, interval, timestamp with time zone, text, text, text, text, interval, text, text[], text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push(kind text, payload text DEFAULT '{}'::text, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, delay interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, timeout interval DEFAULT NULL::interval, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, key text DEFAULT NULL::text, unique_key text DEFAULT NULL::text, unique_scope text DEFAULT 'finished'::text, reuse_key text DEFAULT NULL::text, reuse_within interval DEFAULT NULL::interval, alias text DEFAULT NULL::text, tags text[] DEFAULT '{}'::text[], idempotency_key text DEFAULT NULL::text, OUT id uuid, OUT answer text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_ahead       bigint := 158112000000; -- five years
    v_delay       bigint;
    v_timeout     bigint := "longshore".in_ms_v3(timeout);
    v_within      bigint := "longshore".in_ms_v3(reuse_within);
    v_scope       bigint;
    v_fingerprint bytea;
    v_other       record;
    v_label       record;
BEGIN
    PERFORM "longshore".check_name_v3('kind', kind), "longshore".check_name_v3('queue', queue);
    PERFORM "longshore".check_payload_v3(payload);
    FOR v_label IN
        SELECT * FROM (VALUES ('key', key), ('unique_key', unique_key), ('reuse_key', reuse_key), ('alias', alias),
                              ('idempotency_key', idempotency_key)) AS l (name, value)
        UNION ALL SELECT 'tag', coalesce(t, '') FROM unnest(tags) AS t
    LOOP
        IF octet_length(v_label.value) NOT BETWEEN 1 AND 200 OR v_label.value ~ '[\u0001-\u001f\u007f-\u009f]' THEN
            PERFORM "longshore".refuse_v3(format('%s %L is not 1 to 200 bytes without control characters', v_label.name, left(v_label.value, 200)));
        END IF;
    END LOOP;
    IF cardinality(tags) > 16 THEN
        PERFORM "longshore".refuse_v3(format('%s tags are too many: the limit is 16', cardinality(tags)));
    ELSIF coalesce(priority NOT BETWEEN -100 AND 100, true) THEN
        PERFORM "longshore".refuse_v3(format('priority %s is out of range: use -100 to 100', priority));
    ELSIF max_attempts NOT BETWEEN 1 AND 1000 THEN
        PERFORM "longshore".refuse_v3(format('%s attempts are out of range: use 1 to 1000', max_attempts));
    ELSIF v_timeout NOT BETWEEN 1 AND 86400000 THEN
        PERFORM "longshore".refuse_v3(format('timeout %s is out of range: use 1 ms to 24 hours', timeout));
    ELSIF run_at IS NOT NULL AND delay IS NOT NULL THEN
        PERFORM "longshore".refuse_v3('both run_at and delay are set', 'set only one of them');
    ELSIF NOT isfinite(run_at) OR NOT isfinite(deadline) THEN
        PERFORM "longshore".refuse_v3('run_at and deadline must be finite');
    ELSIF (reuse_key IS NULL) <> (reuse_within IS NULL) THEN
        PERFORM "longshore".refuse_v3('reuse_key and reuse_within must be set together');
    END IF;
    v_delay := coalesce("longshore".in_ms_v3(delay), 0);
    IF v_delay NOT BETWEEN 0 AND v_ahead THEN
        PERFORM "longshore".refuse_v3(format('delay %s is out of range: use zero to five years', delay));
    ELSIF v_within NOT BETWEEN 0 AND v_ahead THEN
        PERFORM "longshore".refuse_v3(format('reuse_within %s is out of range: use zero to five years', reuse_within));
    END IF;
    IF unique_key IS NOT NULL THEN
        v_scope := CASE unique_scope WHEN 'started' THEN 0 WHEN 'finished' THEN 1 ELSE 2 + "longshore".in_ms_v3(unique_scope::interval) END;
        IF coalesce(v_scope NOT BETWEEN 0 AND v_ahead + 2, true) OR (v_scope < 2 AND unique_scope NOT IN ('started', 'finished')) THEN
            PERFORM "longshore".refuse_v3(format('unique_scope %L is out of range: use zero to five years', unique_scope),
                                     'say `started`, `finished`, or a period such as `1 hour`');
        END IF;
    END IF;
    IF idempotency_key IS NOT NULL THEN
        -- Uses the limits as version 1 wrote them, so that a repeat is recognised after the upgrade.
        v_fingerprint := sha256(convert_to(jsonb_build_array(
            kind, payload, priority, run_at, delay, coalesce(max_attempts, 20), coalesce(timeout, '30 minutes'), deadline, key, unique_key, unique_scope, reuse_key,
            reuse_within, alias, tags)::text, 'UTF8'));
    END IF;
    id := "longshore".new_id_v3(queue);
    answer := 'created';
    SELECT * INTO v_other FROM "longshore".push_batch_v3(
        ARRAY[id], ARRAY[queue], ARRAY[kind], ARRAY[payload], ARRAY[-priority::smallint], ARRAY[v_delay],
        ARRAY[floor(date_part('epoch', run_at) * 1000)::bigint], ARRAY[max_attempts::smallint], ARRAY[v_timeout::integer], '{}',
        ARRAY[floor(date_part('epoch', deadline) * 1000)::bigint], ARRAY[key],
        ARRAY[CASE WHEN cardinality(tags) > 0 THEN to_jsonb(tags)::text END], ARRAY[alias],
        CASE WHEN unique_key IS NULL THEN '{}' ELSE ARRAY[unique_key] END, ARRAY[v_scope],
        CASE WHEN reuse_key IS NULL THEN '{}' ELSE ARRAY[reuse_key] END, ARRAY[v_within],
        CASE WHEN idempotency_key IS NULL THEN '{}' ELSE ARRAY[idempotency_key] END, ARRAY[v_fingerprint], 0, true, false);
    IF FOUND THEN
        id := v_other.other;
        answer := (ARRAY['created', 'existing', 'reused', 'conflict'])[v_other.instead + 1];
    END IF;
END $$;
--
-- Name: FUNCTION push(kind text, payload text, queue text, priority integer, run_at timestamp with time zone, delay interval, max_attempts integer, timeout interval, deadline timestamp with time zone, key text, unique_key text, unique_scope text, reuse_key text, reuse_within interval, alias text, tags text[], idempotency_key text, OUT id uuid, OUT answer text); Type: COMMENT; Schema: longshore; Owner: -
--
COMMENT ON FUNCTION longshore.push(kind text, payload text, queue text, priority integer, run_at timestamp with time zone, delay interval, max_attempts integer, timeout interval, deadline timestamp with time zone, key text, unique_key text, unique_scope text, reuse_key text, reuse_within interval, alias text, tags text[], idempotency_key text, OUT id uuid, OUT answer text) IS 'Pushes one job of longshore inside the open transaction; see docs';
--
-- Name: push_batch_bare_v3(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint, boolean, boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_batch_bare_v3(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint, p_fresh boolean, p_within boolean) RETURNS TABLE(place integer, instead smallint, other uuid)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_now      bigint := "longshore".clock_v3() + p_shift;
    v_stood    boolean[] := '{}';  -- jobs with an existing job
    v_inserted uuid[];
    v_counted  boolean;
    v_known    uuid[] := '{}';
BEGIN
    IF NOT p_fresh AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- In an older snapshot, a job that has finished meanwhile would be pushed again.
        RAISE EXCEPTION 'longshore: jobs with their own ids can be pushed only in READ COMMITTED transactions'
            USING ERRCODE = 'feature_not_supported', HINT = 'begin the transaction with ISOLATION LEVEL READ COMMITTED';
    END IF;
    IF cardinality(p_unique_keys) > 0 OR cardinality(p_reuse_keys) > 0 OR cardinality(p_idempotency_keys) > 0 THEN
        v_stood := array_fill(false, ARRAY[cardinality(p_ids)]);
        FOR place, instead, other IN
            SELECT * FROM "longshore".resolve_all_keys_v3(
                p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys, p_fingerprints, v_now)
        LOOP
            v_stood[place] := true;
            IF instead <> 0 OR other <> p_ids[place] THEN
                RETURN NEXT;
            END IF;
        END LOOP;
    END IF;
    IF p_within THEN
        v_known := ARRAY(SELECT "longshore".started_v3(p_ids));
    END IF;
    WITH inserted AS ( -- sorted by id, the locking order, but numbered in the order of the batch
        INSERT INTO "longshore".waiting (
            seq, id, queue, kind, payload, rank, state, run_at, created_at, max_attempts, timeout_ms, deadline, key, tags, alias,
            unique_key, unique_scope, reuse_key, reuse_ms)
        SELECT n.seq, n.id, n.queue, n.kind, CASE WHEN octet_length(n.payload) <= 1024 THEN n.payload END, coalesce(n.rank, 0), (n.due <= v_now)::integer, greatest(n.due, v_now), v_now,
               n.max_attempts, n.timeout_ms, coalesce(v_now + n.deadline_in, n.deadline), n.key, n.tags::jsonb, n.alias,
               n.unique_key, n.unique_scope, n.reuse_key, n.reuse_ms
        FROM (
            SELECT nextval('"longshore".push_number') AS seq, *, coalesce(n.moment, v_now + coalesce(n.delay, 0)) AS due
            FROM unnest(p_ids, p_queues, p_kinds, p_payloads, p_ranks, p_delays, p_moments, p_max_attempts, p_timeouts, p_deadlines_in,
                        p_deadlines, p_keys, p_tags, p_aliases, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms)
                 WITH ORDINALITY AS n (id, queue, kind, payload, rank, delay, moment, max_attempts, timeout_ms, deadline_in, deadline,
                                       key, tags, alias, unique_key, unique_scope, reuse_key, reuse_ms, place)
            WHERE v_stood[n.place] IS NOT TRUE AND n.id <> ALL (v_known)
        ) n
        ORDER BY n.id, n.seq
        ON CONFLICT (id) DO NOTHING
        RETURNING id, queue, kind, key, state, seq, tags
    ), tagged AS (
        INSERT INTO "longshore".job_tag (tag, seq)
        SELECT t.tag, i.seq FROM inserted i CROSS JOIN LATERAL "longshore".tags_of_v3(i.tags) AS t (tag)
        ON CONFLICT DO NOTHING
    ), counted AS (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(NULL::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, state, count(*) AS n FROM inserted GROUP BY queue, kind, key, state) g
    )
    SELECT (SELECT array_agg(id) FROM inserted), (SELECT done FROM counted) INTO v_inserted, v_counted;
    -- Checked after the insert: jobs that were claimed or ended while the insert waited are visible now.
    IF NOT p_fresh THEN
        v_known := ARRAY(SELECT "longshore".started_v3(v_inserted));
        IF p_within AND v_known <> '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'LS001';
        ELSIF v_known <> '{}' THEN
            PERFORM "longshore".undo_push_v3(v_known);
        END IF;
    END IF;
    -- This must come last: an existing payload may be one that a running deletion removes. No other transaction pushes
    -- or deletes these jobs.
    IF (SELECT max(octet_length(n.text)) FROM unnest(p_payloads) AS n (text)) > 1024 THEN
        PERFORM "longshore".keep_payloads_v3(p_ids, p_payloads, v_inserted, v_known);
    END IF;
END $$;
--
-- Name: push_batch_v3(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint, boolean, boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_batch_v3(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint, p_fresh boolean, p_within boolean) RETURNS TABLE(place integer, instead smallint, other uuid)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_now      bigint := "longshore".clock_v3() + p_shift;
    v_stood    boolean[] := '{}';  -- jobs with an existing job
    v_inserted uuid[];
    v_counted  boolean;
    v_known    uuid[] := '{}';
BEGIN
    IF NOT p_fresh AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- In an older snapshot, a job that has finished meanwhile would be pushed again.
        RAISE EXCEPTION 'longshore: jobs with their own ids can be pushed only in READ COMMITTED transactions'
            USING ERRCODE = 'feature_not_supported', HINT = 'begin the transaction with ISOLATION LEVEL READ COMMITTED';
    END IF;
    IF cardinality(p_unique_keys) > 0 OR cardinality(p_reuse_keys) > 0 OR cardinality(p_idempotency_keys) > 0 THEN
        v_stood := array_fill(false, ARRAY[cardinality(p_ids)]);
        FOR place, instead, other IN
            SELECT * FROM "longshore".resolve_all_keys_v3(
                p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys, p_fingerprints, v_now)
        LOOP
            v_stood[place] := true;
            IF instead <> 0 OR other <> p_ids[place] THEN
                RETURN NEXT;
            END IF;
        END LOOP;
    END IF;
    IF p_within THEN
        v_known := ARRAY(SELECT "longshore".started_v3(p_ids));
    END IF;
    WITH inserted AS ( -- sorted by id, the locking order, but numbered in the order of the batch
        INSERT INTO "longshore".waiting (
            seq, id, queue, kind, payload, rank, state, run_at, created_at, max_attempts, timeout_ms, deadline, key, tags, alias,
            unique_key, unique_scope, reuse_key, reuse_ms)
        SELECT n.seq, n.id, n.queue, n.kind, CASE WHEN octet_length(n.payload) <= 1024 THEN n.payload END, coalesce(n.rank, 0), (n.due <= v_now)::integer, greatest(n.due, v_now), v_now,
               n.max_attempts, n.timeout_ms, coalesce(v_now + n.deadline_in, n.deadline), n.key, n.tags::jsonb, n.alias,
               n.unique_key, n.unique_scope, n.reuse_key, n.reuse_ms
        FROM (
            SELECT nextval('"longshore".push_number') AS seq, *, coalesce(n.moment, v_now + coalesce(n.delay, 0)) AS due
            FROM unnest(p_ids, p_queues, p_kinds, p_payloads, p_ranks, p_delays, p_moments, p_max_attempts, p_timeouts, p_deadlines_in,
                        p_deadlines, p_keys, p_tags, p_aliases, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms)
                 WITH ORDINALITY AS n (id, queue, kind, payload, rank, delay, moment, max_attempts, timeout_ms, deadline_in, deadline,
                                       key, tags, alias, unique_key, unique_scope, reuse_key, reuse_ms, place)
            WHERE v_stood[n.place] IS NOT TRUE AND n.id <> ALL (v_known)
        ) n
        ORDER BY n.id, n.seq
        ON CONFLICT (id) DO NOTHING
        RETURNING id, queue, kind, key, state, seq, tags
    ), tagged AS (
        INSERT INTO "longshore".job_tag (tag, seq)
        SELECT t.tag, i.seq FROM inserted i CROSS JOIN LATERAL "longshore".tags_of_v3(i.tags) AS t (tag)
        ON CONFLICT DO NOTHING
    ), counted AS (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(NULL::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, state, count(*) AS n FROM inserted GROUP BY queue, kind, key, state) g
    )
    SELECT (SELECT array_agg(id) FROM inserted), (SELECT done FROM counted) INTO v_inserted, v_counted;
    -- Checked after the insert: jobs that were claimed or ended while the insert waited are visible now.
    IF NOT p_fresh THEN
        v_known := ARRAY(SELECT "longshore".started_v3(v_inserted));
        IF p_within AND v_known <> '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'LS001';
        ELSIF v_known <> '{}' THEN
            PERFORM "longshore".undo_push_v3(v_known);
        END IF;
    END IF;
    -- This must come last: an existing payload may be one that a running deletion removes. No other transaction pushes
    -- or deletes these jobs.
    IF (SELECT max(octet_length(n.text)) FROM unnest(p_payloads) AS n (text)) > 1024 THEN
        PERFORM "longshore".keep_payloads_v3(p_ids, p_payloads, v_inserted, v_known);
    END IF;
END $$;
--
-- Name: push_within_v3(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_within_v3(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint) RETURNS TABLE(place integer, instead smallint, other uuid)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    LOOP
        BEGIN
            RETURN QUERY SELECT * FROM "longshore".push_batch_v3(
                p_ids, p_queues, p_kinds, p_payloads, p_ranks, p_delays, p_moments, p_max_attempts, p_timeouts,
                p_deadlines_in, p_deadlines, p_keys, p_tags, p_aliases, p_unique_keys, p_unique_scopes, p_reuse_keys,
                p_reuse_ms, p_idempotency_keys, p_fingerprints, p_shift, false, true);
            RETURN;
        EXCEPTION WHEN SQLSTATE 'LS001' THEN
            NULL; -- again; now the job is visible
        END;
    END LOOP;
END $$;
--
-- Name: queue_stats_v3(text, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.queue_stats_v3(p_queue text, p_shift bigint) RETURNS TABLE(name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint, rules text, rules_version bigint, now bigint)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := "longshore".clock_v3() + p_shift;
BEGIN
    RETURN QUERY
    SELECT c.name, sum(c.scheduled)::bigint, sum(c.ready)::bigint, sum(c.running)::bigint, sum(c.succeeded)::bigint,
           sum(c.dead)::bigint, sum(c.cancelled)::bigint, v_now - "longshore".oldest_ready_v3(p_queue), max(c.rules),
           max(c.rules_version), v_now
    FROM (
        SELECT q.name, q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled, q.rules, q.rules_version
        FROM "longshore".queue q WHERE q.name = p_queue
        UNION ALL
        SELECT c.queue, c.scheduled, c.ready, c.running, c.succeeded, c.dead, c.cancelled, NULL, 0
        FROM "longshore".count_change c WHERE c.queue = p_queue
    ) c GROUP BY c.name;
END $$;
--
-- Name: queue_tag_v3(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.queue_tag_v3(queue text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT get_byte(h, 0) * 256 + get_byte(h, 1) FROM sha256(convert_to(queue, 'UTF8')) AS h $$;
--
-- Name: queues_v3(text, integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.queues_v3(p_after text, p_limit integer, p_shift bigint) RETURNS TABLE(name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint, rules text, rules_version bigint, now bigint)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := "longshore".clock_v3() + p_shift;
BEGIN
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT n.name FROM (
            (SELECT q.name FROM "longshore".queue q WHERE q.name > p_after ORDER BY q.name LIMIT p_limit)
            UNION SELECT c.queue FROM "longshore".count_change c WHERE c.queue > p_after -- possibly not in `queue` yet
        ) n ORDER BY n.name LIMIT p_limit
    ), changed AS MATERIALIZED (
        SELECT c.queue AS name, sum(c.scheduled) AS scheduled, sum(c.ready) AS ready, sum(c.running) AS running,
               sum(c.succeeded) AS succeeded, sum(c.dead) AS dead, sum(c.cancelled) AS cancelled
        FROM "longshore".count_change c WHERE c.queue > p_after AND c.queue <= (SELECT max(n.name) FROM named n) GROUP BY c.queue
    )
    SELECT n.name, (coalesce(q.scheduled, 0) + coalesce(c.scheduled, 0))::bigint, (coalesce(q.ready, 0) + coalesce(c.ready, 0))::bigint,
           (coalesce(q.running, 0) + coalesce(c.running, 0))::bigint, (coalesce(q.succeeded, 0) + coalesce(c.succeeded, 0))::bigint,
           (coalesce(q.dead, 0) + coalesce(c.dead, 0))::bigint, (coalesce(q.cancelled, 0) + coalesce(c.cancelled, 0))::bigint,
           v_now - "longshore".oldest_ready_v3(n.name), q.rules, coalesce(q.rules_version, 0), v_now
    FROM named n
    LEFT JOIN changed c ON c.name = n.name
    LEFT JOIN LATERAL (SELECT * FROM "longshore".queue q WHERE q.name = n.name LIMIT 1) q ON true
    ORDER BY n.name;
END $$;
--
-- Name: read_log_v3(uuid, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.read_log_v3(p_id uuid, p_claim bigint) RETURNS text
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT l.text FROM "longshore".log l WHERE l.job = p_id AND coalesce(l.claim = p_claim, true)
                             ORDER BY l.claim DESC LIMIT 1), '')
            FROM "longshore".snapshot_v3 s WHERE s.id = p_id);
END $$;
--
-- Name: ready_before_v3(text, integer, text, bigint, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.ready_before_v3(p_queue text, p_isolated integer, p_kind text, p_before bigint, p_limit integer) RETURNS uuid[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_found uuid[] := '{}';
    v_rank  smallint := -32768;
BEGIN
    LOOP -- from one used priority to the next
        v_rank := (SELECT min(r.rank) FROM (
            SELECT j.rank FROM "longshore".waiting j
            WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = p_kind AND j.rank > v_rank
            ORDER BY j.rank LIMIT 1) r);
        EXIT WHEN v_rank IS NULL;
        v_found := v_found || ARRAY(
            SELECT j.id FROM "longshore".waiting j
            WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = p_kind
              AND j.rank = v_rank AND j.run_at < p_before
            ORDER BY j.run_at LIMIT p_limit - cardinality(v_found) FOR UPDATE SKIP LOCKED);
    END LOOP;
    RETURN v_found;
END $$;
--
-- Name: refuse_v3(text, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.refuse_v3(what text, hint text DEFAULT 'see the limits of "longshore".push in the docs'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'longshore: %', what USING ERRCODE = 'invalid_parameter_value', HINT = hint; END $$;
--
-- Name: release_worker_v3(uuid, bigint, text, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.release_worker_v3(p_worker uuid, p_lock bigint, p_crash text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint, OUT taken jsonb, OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_now bigint;
    v_ids uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := "longshore".clock_v3() + p_shift;
    INSERT INTO "longshore".worker (id, nonce, first_claim, released, seen) VALUES (p_worker, 0, 0, true, v_now)
    ON CONFLICT (id) DO UPDATE SET released = true, seen = excluded.seen;
    -- Checked again under the lock, because the jobs may have been settled or released meanwhile.
    v_ids := ARRAY(
        SELECT j.id FROM unnest("longshore".held_by_v3(p_worker)) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".running j WHERE j.id = a.id AND j.worker = p_worker FOR UPDATE
        ) j);
    -- The token leaves its row without a settle, so that a late settle answers `lost`.
    SELECT h.moved, h.failed, h.error INTO taken, failed, error FROM "longshore".apply_event_to_each_v3(
        v_ids, CASE WHEN p_crash IS NOT NULL THEN 7 ELSE 6 END::smallint, p_crash, NULL, v_now, p_keep_finished, p_keep_dead) h;
END $$;
--
-- Name: renew_v3(uuid[], bigint[], bigint[], bigint[], text[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.renew_v3(p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_leases bigint[], p_progresses text[], p_lease_shift bigint) RETURNS TABLE(place integer, cancel_asked boolean)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_clock bigint := "longshore".clock_v3() + p_lease_shift;
BEGIN
    RETURN QUERY
    UPDATE "longshore".running j
    SET lease_until = v_clock + a.lease, progress = coalesce(a.progress, j.progress),
        version = j.version + (a.progress IS NOT NULL)::integer
    FROM unnest(p_ids, p_numbers, p_bits, p_leases, p_progresses) WITH ORDINALITY AS a (id, number, bits, lease, progress, place)
    WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits
    RETURNING a.place::integer, j.cancel_asked;
END $$;
--
-- Name: repair_chunks_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_chunks_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        WITH page AS MATERIALIZED (
            SELECT c.upload, c.n FROM "longshore".artifact_chunk c
            WHERE (c.upload, c.n) > (coalesce((p_after ->> 0)::bigint, 0), coalesce((p_after ->> 1)::integer, 0)) ORDER BY c.upload, c.n LIMIT p_limit
        ), known AS MATERIALIZED (
            SELECT u.id FROM "longshore".artifact_upload u WHERE u.id = ANY (ARRAY(SELECT s.upload FROM page s))
            UNION SELECT a.upload FROM "longshore".artifact_head a WHERE a.upload = ANY (ARRAY(SELECT s.upload FROM page s))
        )
        SELECT s.upload, max(s.n) AS n, count(*) AS chunks, EXISTS (SELECT 1 FROM known k WHERE k.id = s.upload) AS belongs
        FROM page s GROUP BY s.upload ORDER BY s.upload
    LOOP
        checked := checked + v_row.chunks;
        after := jsonb_build_array(v_row.upload, v_row.n);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM "longshore".artifact_chunk c WHERE c.upload = v_row.upload AND c.n <= v_row.n;
        END IF;
        findings := findings || "longshore".finding_v3(NULL, NULL, format('chunks of upload %s belong to no result', v_row.upload), p_write);
    END LOOP;
    after := "longshore".goes_on_v3(checked, p_limit, after);
END $$;
--
-- Name: repair_counts_v3(boolean, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_counts_v3(p_write boolean, p_lock bigint, OUT findings jsonb, OUT checked bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF p_write THEN
        PERFORM pg_advisory_xact_lock(p_lock);
    END IF;
    WITH there AS (
        SELECT j.queue, j.state, count(*) AS n
        FROM (SELECT w.queue, w.state FROM "longshore".waiting w UNION ALL SELECT r.queue, 2::smallint FROM "longshore".running r
              UNION ALL SELECT h.queue, h.state FROM "longshore".history h) j
        GROUP BY j.queue, j.state
    ), kept AS (
        SELECT c.queue, s.state, sum(s.n) AS n
        FROM (SELECT q.name AS queue, q.scheduled, q.ready, q.running, q.succeeded, q.dead, q.cancelled FROM "longshore".queue q
              UNION ALL SELECT c.queue, c.scheduled, c.ready, c.running, c.succeeded, c.dead, c.cancelled FROM "longshore".count_change c) c
        CROSS JOIN LATERAL (VALUES (0::smallint, c.scheduled), (1::smallint, c.ready), (2::smallint, c.running), (3::smallint, c.succeeded),
                                   (4::smallint, c.dead), (5::smallint, c.cancelled)) AS s (state, n)
        GROUP BY c.queue, s.state
    ), compared AS (
        SELECT queue, state, coalesce(k.n, 0)::bigint AS counted, coalesce(t.n, 0) AS there
        FROM there t FULL JOIN kept k USING (queue, state)
    ), repaired AS (
        INSERT INTO "longshore".count_change (queue, scheduled, ready, running, succeeded, dead, cancelled)
        SELECT c.queue, sum(CASE c.state WHEN 0 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 1 THEN c.there - c.counted ELSE 0 END),
               sum(CASE c.state WHEN 2 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 3 THEN c.there - c.counted ELSE 0 END),
               sum(CASE c.state WHEN 4 THEN c.there - c.counted ELSE 0 END), sum(CASE c.state WHEN 5 THEN c.there - c.counted ELSE 0 END)
        FROM compared c WHERE p_write AND c.there <> c.counted GROUP BY c.queue
    ), off AS (
        SELECT c.queue, string_agg(format('%s %s jobs and has %s', c.counted,
                   (ARRAY['scheduled', 'ready', 'running', 'succeeded', 'dead', 'cancelled'])[c.state + 1], c.there), ', ' ORDER BY c.state) AS what
        FROM compared c WHERE c.there <> c.counted GROUP BY c.queue
    )
    SELECT coalesce(jsonb_agg("longshore".finding_v3(o.queue, NULL, 'it counts ' || o.what, p_write) -> 0 ORDER BY o.queue), '[]'),
           (SELECT count(DISTINCT c.queue) FROM compared c)
    INTO findings, checked FROM off o;
END $$;
--
-- Name: repair_doubles_v3(uuid[], boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_doubles_v3(p_ids uuid[], p_write boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all jsonb := '[]';
    v_id  uuid;
    v_row record;
BEGIN
    FOR v_id IN SELECT d.id FROM "longshore".doubles_v3(p_ids) d LOOP
        IF p_write THEN
            -- A worker may have moved the job meanwhile. Once its rows are locked, nobody moves it, and it is looked at again.
            PERFORM 1 FROM "longshore".waiting w WHERE w.id = v_id FOR UPDATE;
            PERFORM 1 FROM "longshore".running r WHERE r.id = v_id FOR UPDATE;
            PERFORM 1 FROM "longshore".history h WHERE h.id = v_id FOR UPDATE;
        END IF;
        SELECT * INTO v_row FROM "longshore".doubles_v3(ARRAY[v_id]) d;
        CONTINUE WHEN NOT FOUND;
        IF p_write THEN
            DELETE FROM "longshore".waiting w WHERE w.id = v_id AND v_row.newest <> 'waiting' AND w.version IS NOT DISTINCT FROM v_row.waiting;
            DELETE FROM "longshore".running r WHERE r.id = v_id AND v_row.newest <> 'running' AND r.version IS NOT DISTINCT FROM v_row.running;
            DELETE FROM "longshore".history h WHERE h.id = v_id AND v_row.newest <> 'history' AND h.version IS NOT DISTINCT FROM v_row.history;
        END IF;
        v_all := v_all || "longshore".finding_v3(v_row.queue, v_id, format('it is in %s; the newest is the one in %s', v_row.places, v_row.newest), p_write);
    END LOOP;
    RETURN v_all;
END $$;
--
-- Name: repair_jobs_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_jobs_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_after uuid := coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000');
    v_ids   uuid[];
BEGIN
    v_ids := ARRAY(
        SELECT DISTINCT j.id FROM (
            (SELECT w.id FROM "longshore".waiting w WHERE w.id > v_after ORDER BY w.id LIMIT p_limit)
            UNION ALL (SELECT r.id FROM "longshore".running r WHERE r.id > v_after ORDER BY r.id LIMIT p_limit)
            UNION ALL (SELECT h.id FROM "longshore".history h WHERE h.id > v_after ORDER BY h.id LIMIT p_limit)
        ) j ORDER BY j.id LIMIT p_limit);
    checked := cardinality(v_ids);
    after := "longshore".goes_on_v3(checked, p_limit, jsonb_build_array(v_ids[checked]));
    findings := "longshore".repair_doubles_v3(v_ids, p_write) || "longshore".repair_payload_of_v3(v_ids, p_write, p_now, p_keep_dead)
        || "longshore".repair_tags_of_v3(v_ids, p_write) || "longshore".repair_keys_of_v3(v_ids, p_write) || "longshore".repair_reasons_v3(v_ids, p_write);
END $$;
--
-- Name: repair_keys_of_v3(uuid[], boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_keys_of_v3(p_ids uuid[], p_write boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all  jsonb := '[]';
    v_row  record;
    v_held boolean := false;
BEGIN
    FOR v_row IN
        SELECT l.id, l.queue, l.unique_key FROM "longshore".live_v3 l
        WHERE l.id = ANY (p_ids) AND l.unique_key IS NOT NULL AND l.unique_scope = 1
          AND NOT EXISTS (SELECT 1 FROM "longshore".unique_key u WHERE u.queue = l.queue AND u.key = l.unique_key)
    LOOP
        IF p_write THEN
            -- Locked, so that it does not end before it can give the key back.
            PERFORM 1 FROM "longshore".waiting j WHERE j.id = v_row.id FOR UPDATE SKIP LOCKED;
            v_held := FOUND;
            IF NOT v_held THEN
                PERFORM 1 FROM "longshore".running j WHERE j.id = v_row.id FOR UPDATE SKIP LOCKED;
                v_held := FOUND;
            END IF;
            IF v_held THEN
                INSERT INTO "longshore".unique_key (queue, key, job, until) VALUES (v_row.queue, v_row.unique_key, v_row.id, NULL) ON CONFLICT DO NOTHING;
                v_held := FOUND;
            END IF;
        END IF;
        v_all := v_all || "longshore".finding_v3(
            v_row.queue, v_row.id, format('it does not hold its unique key `%s`, and nobody else does', v_row.unique_key), v_held);
    END LOOP;
    RETURN v_all;
END $$;
--
-- Name: repair_keys_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_keys_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT u.queue, u.key, u.job, NOT "longshore".holds_key_v3(u.until, p_now) OR "longshore".may_hold_key_v3(u.queue, u.key, u.job) AS belongs
        FROM "longshore".unique_key u
        WHERE (u.queue, u.key) > (coalesce(p_after ->> 0, ''), coalesce(p_after ->> 1, '')) ORDER BY u.queue, u.key LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.queue, v_row.key);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM "longshore".unique_key u WHERE u.queue = v_row.queue AND u.key = v_row.key AND u.job = v_row.job
                AND NOT "longshore".may_hold_key_v3(u.queue, u.key, u.job);
        END IF;
        findings := findings || "longshore".finding_v3(
            v_row.queue, NULL, format('the unique key `%s` is held by a job that is gone, or has given it back', v_row.key), p_write);
    END LOOP;
    after := "longshore".goes_on_v3(checked, p_limit, after);
END $$;
--
-- Name: repair_logs_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_logs_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT l.job, l.claim, "longshore".is_there_v3(l.job) AS belongs FROM "longshore".log l
        WHERE (l.job, l.claim) > (coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000'), coalesce((p_after ->> 1)::bigint, 0))
        ORDER BY l.job, l.claim LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.job, v_row.claim);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM "longshore".log l WHERE l.job = v_row.job AND l.claim = v_row.claim;
        END IF;
        findings := findings || "longshore".finding_v3(NULL, v_row.job, 'a log belongs to it, and it is gone', p_write);
    END LOOP;
    after := "longshore".goes_on_v3(checked, p_limit, after);
END $$;
--
-- Name: repair_payload_of_v3(uuid[], boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_payload_of_v3(p_ids uuid[], p_write boolean, p_now bigint, p_keep_dead bigint) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all   jsonb := '[]';
    v_ids   uuid[] := '{}';
    v_found uuid[];
    v_row   record;
    v_moved record;
    v_done  boolean := false;
BEGIN
    v_found := ARRAY(
        SELECT w.id FROM "longshore".waiting w
        WHERE w.id = ANY (p_ids) AND w.payload IS NULL AND NOT EXISTS (SELECT 1 FROM "longshore".payload p WHERE p.job = w.id)
        ORDER BY w.id);
    v_ids := v_found;
    IF p_write AND cardinality(v_ids) > 0 THEN
        v_ids := ARRAY(SELECT w.id FROM unnest(v_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".waiting j WHERE j.id = a.id FOR UPDATE) w ORDER BY w.id);
        SELECT h.failed, h.error INTO v_moved FROM "longshore".apply_event_to_each_v3(
            v_ids, 12::smallint, 'the job''s payload is missing', 'corrupt', p_now, 0, p_keep_dead) h;
        IF v_moved.failed > 0 THEN
            v_all := v_all || "longshore".finding_v3(NULL, NULL, format('%s of these jobs cannot be buried: %s', v_moved.failed, v_moved.error), false);
        END IF;
        v_done := v_moved.failed = 0;
    END IF;
    FOR v_row IN SELECT f.id, coalesce(w.queue, h.queue) AS queue FROM unnest(v_found) AS f (id)
                 LEFT JOIN "longshore".waiting w ON w.id = f.id LEFT JOIN "longshore".history h ON h.id = f.id LOOP
        v_all := v_all || "longshore".finding_v3(v_row.queue, v_row.id, 'its payload is missing; no handler can run it', v_done);
    END LOOP;
    RETURN v_all;
END $$;
--
-- Name: repair_payloads_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_payloads_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT p.job, "longshore".is_there_v3(p.job) AS belongs FROM "longshore".payload p
        WHERE p.job > coalesce((p_after ->> 0)::uuid, '00000000-0000-0000-0000-000000000000')
        ORDER BY p.job LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.job);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM "longshore".payload p WHERE p.job = v_row.job;
        END IF;
        findings := findings || "longshore".finding_v3(NULL, v_row.job, 'a payload belongs to it, and it is gone', p_write);
    END LOOP;
    after := "longshore".goes_on_v3(checked, p_limit, after);
END $$;
--
-- Name: repair_reasons_v3(uuid[], boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_reasons_v3(p_ids uuid[], p_write boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all jsonb := '[]';
    v_row record;
BEGIN
    FOR v_row IN
        SELECT h.id, h.queue, h.state FROM "longshore".history h WHERE h.id = ANY (p_ids) AND (h.state = 4) <> (h.reason IS NOT NULL)
    LOOP
        IF p_write THEN
            UPDATE "longshore".history h SET reason = CASE WHEN h.state = 4 THEN 'corrupt' END, version = h.version + 1 WHERE h.id = v_row.id;
        END IF;
        v_all := v_all || "longshore".finding_v3(
            v_row.queue, v_row.id,
            CASE WHEN v_row.state = 4 THEN 'it is dead without a reason' ELSE 'it is not dead, and has a reason for being so' END, p_write);
    END LOOP;
    RETURN v_all;
END $$;
--
-- Name: repair_tags_of_v3(uuid[], boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_tags_of_v3(p_ids uuid[], p_write boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_all jsonb := '[]';
    v_row record;
BEGIN
    FOR v_row IN
        SELECT j.id, j.queue, j.seq, jsonb_typeof(j.tags) <> 'array' AS bad, ARRAY(
                   SELECT t.tag FROM "longshore".tags_of_v3(j.tags) AS t (tag)
                   WHERE NOT EXISTS (SELECT 1 FROM "longshore".job_tag g WHERE g.tag = t.tag AND g.seq = j.seq)) AS missing
        FROM (SELECT l.id, l.queue, l.seq, l.tags FROM "longshore".live_v3 l WHERE l.id = ANY (p_ids)
              UNION ALL SELECT h.id, h.queue, h.seq, h.tags FROM "longshore".history h WHERE h.id = ANY (p_ids)) j
        WHERE j.tags IS NOT NULL AND j.seq IS NOT NULL
    LOOP
        IF v_row.bad THEN
            IF p_write THEN
                UPDATE "longshore".waiting j SET tags = NULL WHERE j.id = v_row.id;
                UPDATE "longshore".running j SET tags = NULL WHERE j.id = v_row.id;
                UPDATE "longshore".history j SET tags = NULL WHERE j.id = v_row.id;
            END IF;
            v_all := v_all || "longshore".finding_v3(v_row.queue, v_row.id, 'its tags are no list of texts', p_write);
        ELSIF cardinality(v_row.missing) > 0 THEN
            IF p_write THEN
                INSERT INTO "longshore".job_tag (tag, seq) SELECT m.tag, v_row.seq FROM unnest(v_row.missing) AS m (tag) ON CONFLICT DO NOTHING;
            END IF;
            v_all := v_all || "longshore".finding_v3(v_row.queue, v_row.id, 'it is not found by one of its tags', p_write);
        END IF;
    END LOOP;
    RETURN v_all;
END $$;
--
-- Name: repair_tags_v3(jsonb, integer, boolean, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.repair_tags_v3(p_after jsonb, p_limit integer, p_write boolean, p_now bigint, p_keep_dead bigint, OUT findings jsonb, OUT checked bigint, OUT after jsonb) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_row record;
BEGIN
    findings := '[]';
    checked := 0;
    FOR v_row IN
        SELECT t.tag, t.seq, (
            EXISTS (SELECT 1 FROM "longshore".waiting j CROSS JOIN LATERAL "longshore".tags_of_v3(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
            OR EXISTS (SELECT 1 FROM "longshore".running j CROSS JOIN LATERAL "longshore".tags_of_v3(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
            OR EXISTS (SELECT 1 FROM "longshore".history j CROSS JOIN LATERAL "longshore".tags_of_v3(j.tags) AS its (tag) WHERE j.seq = t.seq AND its.tag = t.tag)
        ) AS belongs
        FROM "longshore".job_tag t
        WHERE (t.tag, t.seq) > (coalesce(p_after ->> 0, ''), coalesce((p_after ->> 1)::bigint, 0)) ORDER BY t.tag, t.seq LIMIT p_limit
    LOOP
        checked := checked + 1;
        after := jsonb_build_array(v_row.tag, v_row.seq);
        CONTINUE WHEN v_row.belongs;
        IF p_write THEN
            DELETE FROM "longshore".job_tag t WHERE t.tag = v_row.tag AND t.seq = v_row.seq;
        END IF;
        findings := findings || "longshore".finding_v3(
            NULL, NULL, format('the tag `%s` leads to job number %s, which does not have it', v_row.tag, v_row.seq), p_write);
    END LOOP;
    after := "longshore".goes_on_v3(checked, p_limit, after);
END $$;
--
-- Name: rescue_v3(integer, integer, text, bigint, bigint, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.rescue_v3(p_limit integer, p_rules_level integer, p_crash text, p_good_until bigint, p_longest bigint, p_shift bigint, p_lease_shift bigint, p_keep_finished bigint, p_keep_dead bigint, OUT rescued jsonb, OUT failed bigint, OUT error text) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '1000'
    AS $$
DECLARE
    v_clock bigint := "longshore".clock_v3();
    v_lease bigint := v_clock + p_lease_shift;
    v_held  text[];
    v_ended uuid[];
    v_wrong uuid[];
    v_lost  uuid[];
BEGIN
    IF v_clock > p_good_until THEN RETURN; END IF;
    v_held := ARRAY(SELECT q.name FROM "longshore".queue q WHERE q.rules_level > 0 AND q.rules_level > p_rules_level);
    -- A locked row is being renewed, settled or released, so it is skipped.
    v_ended := ARRAY(
        SELECT j.id FROM "longshore".running j WHERE j.lease_until <= v_lease AND j.queue <> ALL (v_held)
        ORDER BY j.lease_until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    v_wrong := ARRAY(
        SELECT j.id FROM "longshore".running j WHERE j.lease_until > v_lease + p_longest AND j.queue <> ALL (v_held)
        LIMIT p_limit - cardinality(v_ended) FOR UPDATE SKIP LOCKED);
    v_lost := ARRAY(SELECT l FROM unnest(v_ended || v_wrong) AS l ORDER BY l);
    SELECT h.moved, h.failed, h.error INTO rescued, failed, error FROM "longshore".apply_event_to_each_v3(
        v_lost, 7::smallint, p_crash, NULL, v_clock + p_shift, p_keep_finished, p_keep_dead) h;
END $$;
--
-- Name: resolve_all_keys_v3(uuid[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.resolve_all_keys_v3(p_ids uuid[], p_queues text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_now bigint) RETURNS TABLE(place integer, instead smallint, other uuid)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_answer record;
    v_new    record;
BEGIN
    -- All callers use the same order, so that batches with the same keys wait for each other and do not deadlock.
    FOR v_new IN
        SELECT * FROM unnest(p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys,
                             p_fingerprints) WITH ORDINALITY
                      AS n (id, queue, unique_key, unique_scope, reuse_key, reuse_ms, idempotency_key, fingerprint, place)
        WHERE n.unique_key IS NOT NULL OR n.reuse_key IS NOT NULL OR n.idempotency_key IS NOT NULL
        ORDER BY n.queue, n.unique_key, CASE WHEN n.unique_key IS NULL THEN n.idempotency_key END, n.place
    LOOP
        SELECT * INTO v_answer FROM "longshore".resolve_keys_v3(
            v_new.id, v_new.queue, v_new.unique_key, v_new.unique_scope, v_new.reuse_key, v_new.reuse_ms, v_new.idempotency_key,
            v_new.fingerprint, p_now);
        IF v_answer.other IS NOT NULL THEN
            place := v_new.place;
            instead := v_answer.instead;
            other := v_answer.other;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;
--
-- Name: resolve_keys_v3(uuid, text, text, bigint, text, bigint, text, bytea, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.resolve_keys_v3(p_id uuid, p_queue text, p_unique_key text, p_unique_scope bigint, p_reuse_key text, p_reuse_ms bigint, p_idempotency_key text, p_fingerprint bytea, p_now bigint, OUT other uuid, OUT instead smallint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_asked   boolean := false;     -- first use of this idempotency key: store the answer
    v_earlier "longshore".idempotency;
    v_key     record;
    v_how     smallint;
BEGIN
    WHILE p_idempotency_key IS NOT NULL LOOP
        INSERT INTO "longshore".idempotency (queue, key, fingerprint, job, instead, until)
        VALUES (p_queue, p_idempotency_key, p_fingerprint, p_id, 0, p_now + 86400000) ON CONFLICT DO NOTHING;
        v_asked := FOUND;
        EXIT WHEN v_asked;
        UPDATE "longshore".idempotency a SET fingerprint = p_fingerprint, job = p_id, instead = 0, until = p_now + 86400000
        WHERE a.queue = p_queue AND a.key = p_idempotency_key AND a.until <= p_now AND NOT "longshore".is_known_v3(a.job);
        v_asked := FOUND;
        EXIT WHEN v_asked;
        SELECT * INTO v_earlier FROM "longshore".idempotency a WHERE a.queue = p_queue AND a.key = p_idempotency_key;
        EXIT WHEN FOUND;
    END LOOP;
    -- A call that waited above for an earlier push of the same job sees it now. The same applies after taking the
    -- unique key.
    IF "longshore".is_known_v3(p_id) THEN
        other := p_id;
        instead := 0;
    ELSIF v_earlier.job IS NOT NULL THEN
        other := v_earlier.job;
        instead := CASE WHEN v_earlier.fingerprint = p_fingerprint THEN v_earlier.instead ELSE 3 END;
    ELSE
        SELECT h.id, 2 INTO other, instead FROM "longshore".history h
        WHERE h.state = 3 AND h.queue = p_queue AND h.reuse_key = p_reuse_key AND h.finished_at > p_now - p_reuse_ms
        ORDER BY h.finished_at DESC, h.seq DESC LIMIT 1;
        IF other IS NULL AND p_unique_key IS NOT NULL THEN
            SELECT * INTO v_key FROM "longshore".take_key_v3(p_queue, p_unique_key, p_id, p_unique_scope, p_now);
            IF NOT v_key.taken THEN
                other := v_key.holder;
                instead := CASE WHEN other = p_id THEN 0 ELSE 1 END;
            ELSIF "longshore".is_known_v3(p_id) THEN
                DELETE FROM "longshore".unique_key WHERE queue = p_queue AND key = p_unique_key;
                other := p_id;
                instead := 0;
            END IF;
        END IF;
    END IF;
    IF v_asked AND other = p_id AND "longshore".is_known_v3(p_id) THEN
        DELETE FROM "longshore".idempotency WHERE queue = p_queue AND key = p_idempotency_key;
    ELSIF v_asked AND other IS NOT NULL THEN
        v_how := instead;
        UPDATE "longshore".idempotency a SET job = other, instead = v_how WHERE a.queue = p_queue AND a.key = p_idempotency_key;
    END IF;
END $$;
--
-- Name: ring(); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.ring() RETURNS void
    LANGUAGE sql
    AS $$
    SELECT pg_notify('longshore:' || n.nspname, 'w')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = '"longshore".waiting'::regclass
$$;
--
-- Name: settle_bare_v3(integer, uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], text[], bytea[], bigint[], bigint[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.settle_bare_v3(p_certain integer, p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_outcomes smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_result_types text[], p_results bytea[], p_artifacts bigint[], p_artifact_bytes bigint[], p_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS SETOF integer
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := "longshore".clock_v3() + p_shift;
    v_ended integer[];
    v_moved integer[];
    v_counted boolean;
BEGIN
    -- These outcomes do not depend on the state of the job, so one pass is enough.
    WITH ended AS (
        DELETE FROM "longshore".running j
        USING unnest(p_ids, p_numbers, p_bits, p_outcomes, p_messages, p_whys, p_progresses, p_result_types, p_results, p_artifacts,
                     p_artifact_bytes) WITH ORDINALITY
              AS a (id, number, bits, outcome, message, why, said, result_type, result, artifact, artifact_bytes, place)
        WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits AND a.place <= p_certain
        RETURNING j.*, a.outcome, CASE a.outcome WHEN 0 THEN 3::smallint ELSE a.outcome END AS state, a.message, a.why, a.said, a.result_type, a.result, a.artifact, a.artifact_bytes, a.place
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, artifact, artifact_bytes, outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt,
            max_attempts, granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason,
            result_type, result)
        SELECT e.seq, e.run_at, e.created_at, least(e.version, 1000000000000000) + 1, v_now,
               CASE e.outcome
                   WHEN 4 THEN v_now + p_keep_dead
                   WHEN 5 THEN v_now + p_keep_finished
                   -- A succeeded job may hold its key for a period; other final states release it.
                   ELSE "longshore".kept_for_key_v3(
                       greatest(v_now + p_keep_finished, CASE WHEN e.reuse_ms <= 1000000000000000 THEN v_now + e.reuse_ms END),
                       CASE WHEN e.unique_key IS NOT NULL AND NOT "longshore".gives_key_back_v3(e.unique_scope, 3::smallint) THEN (
                           SELECT u.until FROM "longshore".unique_key u WHERE u.queue = e.queue AND u.key = e.unique_key AND u.job = e.id) END)
               END,
               e.deadline, e.unique_scope, e.reuse_ms, e.started_at, e.token_number, e.token_bits, e.artifact, e.artifact_bytes,
               e.outage_since, e.timeout_ms, e.granted_timeout_ms, e.interruptions, e.state,
               e.rank, e.attempt, e.max_attempts, e.granted_attempts, e.crashes, e.outages, e.cancel_asked, e.id, e.worker, e.queue, e.kind, e.payload, e.key, e.tags, e.alias, e.unique_key, e.reuse_key,
               coalesce(e.said, e.progress), CASE WHEN e.message IS NULL THEN e.failures ELSE "longshore".with_failure_v3(
                   e.failures, e.message, v_now, e.attempt, e.worker, "longshore".failure_class_v3(e.outcome, e.why), e.started_at,
                   e.token_number) END, e.why, e.result_type, e.result
        FROM ended e
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING ended e CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = e.queue AND k.key = e.unique_key AND k.job = e.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE e.unique_key IS NOT NULL
          AND "longshore".gives_key_back_v3(e.unique_scope, e.state)
          AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(2::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT e.queue, e.kind, e.key, e.state, count(*) AS n
              FROM ended e GROUP BY 1, 2, 3, 4) g
    )
    SELECT (SELECT array_agg(e.place) FROM ended e), (SELECT c.done FROM counted c) INTO v_ended, v_counted;
    IF cardinality(v_ended) = cardinality(p_ids) THEN
        RETURN;
    END IF;
    IF p_certain < cardinality(p_ids) THEN
        SELECT array_agg(p_certain + h.place) INTO v_moved FROM "longshore".apply_event_v3(
            p_ids[p_certain + 1:], p_numbers[p_certain + 1:], p_bits[p_certain + 1:], p_outcomes[p_certain + 1:],
            p_delays[p_certain + 1:], p_messages[p_certain + 1:], p_whys[p_certain + 1:], p_progresses[p_certain + 1:],
            v_now, p_keep_finished, p_keep_dead) h;
    END IF;
    -- A settle that was accepted before counts as done.
    RETURN QUERY
    SELECT a.place::integer FROM unnest(p_ids, p_numbers, p_bits) WITH ORDINALITY AS a (id, number, bits, place)
    WHERE a.place <> ALL (coalesce(v_ended, '{}')) AND a.place <> ALL (coalesce(v_moved, '{}'))
      AND (SELECT true FROM "longshore".live_v3 j WHERE j.id = a.id AND j.settled_number = a.number AND j.settled_bits = a.bits) IS NULL
      AND (SELECT true FROM "longshore".history h WHERE h.id = a.id AND h.settled_number = a.number AND h.settled_bits = a.bits) IS NULL;
END $$;
--
-- Name: settle_v3(integer, uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], text[], bytea[], bigint[], bigint[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.settle_v3(p_certain integer, p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_outcomes smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_result_types text[], p_results bytea[], p_artifacts bigint[], p_artifact_bytes bigint[], p_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS SETOF integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := "longshore".clock_v3() + p_shift;
    v_ended integer[];
    v_moved integer[];
    v_counted boolean;
BEGIN
    -- These outcomes do not depend on the state of the job, so one pass is enough.
    WITH ended AS (
        DELETE FROM "longshore".running j
        USING unnest(p_ids, p_numbers, p_bits, p_outcomes, p_messages, p_whys, p_progresses, p_result_types, p_results, p_artifacts,
                     p_artifact_bytes) WITH ORDINALITY
              AS a (id, number, bits, outcome, message, why, said, result_type, result, artifact, artifact_bytes, place)
        WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits AND a.place <= p_certain
        RETURNING j.*, a.outcome, CASE a.outcome WHEN 0 THEN 3::smallint ELSE a.outcome END AS state, a.message, a.why, a.said, a.result_type, a.result, a.artifact, a.artifact_bytes, a.place
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, artifact, artifact_bytes, outage_since, timeout_ms, granted_timeout_ms, interruptions, state, rank, attempt,
            max_attempts, granted_attempts, crashes, outages, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason,
            result_type, result)
        SELECT e.seq, e.run_at, e.created_at, least(e.version, 1000000000000000) + 1, v_now,
               CASE e.outcome
                   WHEN 4 THEN v_now + p_keep_dead
                   WHEN 5 THEN v_now + p_keep_finished
                   -- A succeeded job may hold its key for a period; other final states release it.
                   ELSE "longshore".kept_for_key_v3(
                       greatest(v_now + p_keep_finished, CASE WHEN e.reuse_ms <= 1000000000000000 THEN v_now + e.reuse_ms END),
                       CASE WHEN e.unique_key IS NOT NULL AND NOT "longshore".gives_key_back_v3(e.unique_scope, 3::smallint) THEN (
                           SELECT u.until FROM "longshore".unique_key u WHERE u.queue = e.queue AND u.key = e.unique_key AND u.job = e.id) END)
               END,
               e.deadline, e.unique_scope, e.reuse_ms, e.started_at, e.token_number, e.token_bits, e.artifact, e.artifact_bytes,
               e.outage_since, e.timeout_ms, e.granted_timeout_ms, e.interruptions, e.state,
               e.rank, e.attempt, e.max_attempts, e.granted_attempts, e.crashes, e.outages, e.cancel_asked, e.id, e.worker, e.queue, e.kind, e.payload, e.key, e.tags, e.alias, e.unique_key, e.reuse_key,
               coalesce(e.said, e.progress), CASE WHEN e.message IS NULL THEN e.failures ELSE "longshore".with_failure_v3(
                   e.failures, e.message, v_now, e.attempt, e.worker, "longshore".failure_class_v3(e.outcome, e.why), e.started_at,
                   e.token_number) END, e.why, e.result_type, e.result
        FROM ended e
    ), freed AS ( -- a locked key is being taken by another job, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING ended e CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = e.queue AND k.key = e.unique_key AND k.job = e.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE e.unique_key IS NOT NULL
          AND "longshore".gives_key_back_v3(e.unique_scope, e.state)
          AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(2::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT e.queue, e.kind, e.key, e.state, count(*) AS n
              FROM ended e GROUP BY 1, 2, 3, 4) g
    )
    SELECT (SELECT array_agg(e.place) FROM ended e), (SELECT c.done FROM counted c) INTO v_ended, v_counted;
    IF cardinality(v_ended) = cardinality(p_ids) THEN
        RETURN;
    END IF;
    IF p_certain < cardinality(p_ids) THEN
        SELECT array_agg(p_certain + h.place) INTO v_moved FROM "longshore".apply_event_v3(
            p_ids[p_certain + 1:], p_numbers[p_certain + 1:], p_bits[p_certain + 1:], p_outcomes[p_certain + 1:],
            p_delays[p_certain + 1:], p_messages[p_certain + 1:], p_whys[p_certain + 1:], p_progresses[p_certain + 1:],
            v_now, p_keep_finished, p_keep_dead) h;
    END IF;
    -- A settle that was accepted before counts as done.
    RETURN QUERY
    SELECT a.place::integer FROM unnest(p_ids, p_numbers, p_bits) WITH ORDINALITY AS a (id, number, bits, place)
    WHERE a.place <> ALL (coalesce(v_ended, '{}')) AND a.place <> ALL (coalesce(v_moved, '{}'))
      AND (SELECT true FROM "longshore".live_v3 j WHERE j.id = a.id AND j.settled_number = a.number AND j.settled_bits = a.bits) IS NULL
      AND (SELECT true FROM "longshore".history h WHERE h.id = a.id AND h.settled_number = a.number AND h.settled_bits = a.bits) IS NULL;
END $$;
--
-- Name: start_v3(uuid, text, integer, text[], bigint[], text[], smallint[], integer[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.start_v3(p_worker uuid, p_queue text, p_isolated integer, p_picked text[], p_counts bigint[], p_kinds text[], p_attempts smallint[], p_timeouts integer[], p_bits bigint, p_now bigint, p_until bigint) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, key text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, outages smallint, outage_for bigint, waited bigint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT best.place, nextval('"longshore".claim_number') AS number
        FROM (SELECT j.* FROM unnest(p_picked, p_counts) AS k (kind, n) CROSS JOIN LATERAL (
                  SELECT j.ctid AS place, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                  WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_isolated AND j.kind = k.kind
                  ORDER BY j.rank, j.run_at, j.seq LIMIT k.n FOR UPDATE SKIP LOCKED) j
              ORDER BY j.rank, j.run_at, j.seq) best
    ), left_waiting AS (
        DELETE FROM "longshore".waiting j USING picked p
        WHERE j.ctid = p.place AND (j.deadline IS NULL OR j.deadline > p_now) RETURNING j.*, p.number
    ), taken AS (
        INSERT INTO "longshore".running (
            seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
            token_number, token_bits, lease_until, outage_since, timeout_ms, granted_timeout_ms, interruptions, rank, attempt,
            max_attempts, granted_attempts, crashes, outages, id, worker, queue, kind, payload, key, tags, alias, unique_key,
            reuse_key, failures)
        SELECT j.seq, j.run_at, j.created_at, j.version + 1, j.deadline, j.unique_scope, j.reuse_ms, p_now, j.settled_number,
               j.settled_bits, j.number, p_bits, p_until, j.outage_since, j.timeout_ms,
               -- The value that the job asks for, limited by the kind's value. `least` ignores NULLs.
               coalesce(least(j.timeout_ms, p_timeouts[array_position(p_kinds, j.kind)]), 1800000), j.interruptions, j.rank,
               least(j.attempt + 1, 32767), j.max_attempts,
               coalesce(least(j.max_attempts, p_attempts[array_position(p_kinds, j.kind)]), 20), j.crashes, j.outages, j.id,
               p_worker, j.queue, j.kind, j.payload, j.key, j.tags, j.alias, j.unique_key, j.reuse_key, j.failures
        FROM left_waiting j
        RETURNING id, token_number, token_bits, queue, kind, key, payload, attempt, granted_attempts, crashes,
                  granted_timeout_ms, outages, outage_since, run_at, unique_scope, unique_key
    ), freed AS (
        DELETE FROM "longshore".unique_key u USING taken t
        WHERE "longshore".gives_key_back_v3(t.unique_scope, 2::smallint)
          AND u.queue = ANY (ARRAY[t.queue]) AND u.key = ANY (ARRAY[t.unique_key]) AND u.job = t.id
    ), counted AS MATERIALIZED (
        SELECT "longshore".moved_v3(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(1::smallint),
                               array_agg(2::smallint), array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, count(*) AS n FROM taken GROUP BY queue, kind, key) g
    )
    SELECT t.id, t.token_number, t.token_bits, t.queue, t.kind, t.key, coalesce(t.payload, "longshore".large_payload_v3(t.id)), t.attempt,
           t.granted_attempts, t.crashes, t.granted_timeout_ms, t.outages, coalesce(p_now - t.outage_since, 0), p_now - t.run_at
    FROM taken t CROSS JOIN counted c; -- this is one row
END $$;
--
-- Name: started_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.started_v3(p_ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY SELECT n.id FROM unnest(p_ids) AS n (id) CROSS JOIN LATERAL (
        (SELECT 1 FROM "longshore".running j WHERE j.id = n.id LIMIT 1) UNION ALL (SELECT 1 FROM "longshore".history h WHERE h.id = n.id LIMIT 1)
        LIMIT 1) found;
END $$;
--
-- Name: status_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.status_v3(p_ids uuid[]) RETURNS TABLE(place bigint, state smallint, attempt smallint, max_attempts smallint, progress text, reason text, message text, version bigint)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.place, s.* FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (
        SELECT s.state, s.attempt, s.max_attempts, s.progress, s.reason, s.failures -> -1 ->> 'message', s.version
        FROM "longshore".snapshot_v3 s WHERE s.id = a.id LIMIT 1
    ) s;
END $$;
--
-- Name: step_v3(smallint, smallint, smallint, integer, smallint, boolean, smallint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.step_v3(state smallint, attempt smallint, crashes smallint, interruptions integer, outages smallint, cancel_asked boolean, event smallint, delay bigint, why text) RETURNS TABLE(to_state smallint, to_attempt smallint, to_crashes smallint, to_interruptions integer, to_outages smallint, to_cancel_asked boolean, wait bigint, reason text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT m.next::smallint,
           CASE
               WHEN event = 9 THEN least(attempt + 1, 32767)
               WHEN state > 2 THEN 0
               WHEN m.called_off THEN attempt
               WHEN event IN (2, 3, 6, 7, 13) THEN greatest(attempt - 1, 0)
               ELSE attempt
           END::smallint,
           CASE WHEN state > 2 THEN 0 WHEN event = 7 AND NOT m.called_off THEN crashes + 1 ELSE crashes END::smallint,
           interruptions + (event IN (2, 3, 6) AND NOT m.called_off AND interruptions < 2147483647)::integer,
           CASE
               WHEN state > 2 THEN 0
               WHEN m.called_off THEN outages
               WHEN event IN (1, 2) THEN 0 -- the attempt did not end in an outage
               WHEN event = 13 THEN least(outages + 1, 32767)
               ELSE outages
           END::smallint,
           CASE WHEN state > 2 THEN false WHEN event = 10 AND state = 2 THEN true ELSE cancel_asked END,
           CASE
               WHEN m.next > 2 THEN NULL
               WHEN event IN (1, 2, 13) THEN delay
               WHEN event = 7 AND m.next = 0 THEN 30000
               WHEN event = 11 THEN 0
           END::bigint,
           CASE
               WHEN m.next <> 4 THEN NULL
               WHEN event = 7 THEN 'crashed'
               ELSE why
           END
    FROM (SELECT c.called_off, CASE
              WHEN c.called_off THEN 5
              WHEN state = 2 AND event = 0 THEN 3
              WHEN state = 2 AND event = 4 THEN 4
              WHEN state = 2 AND event = 5 THEN 5
              WHEN state = 2 AND event IN (1, 2, 13) THEN CASE WHEN delay = 0 THEN 1 ELSE 0 END
              WHEN state = 2 AND event IN (3, 6) THEN 1
              WHEN state = 2 AND event = 7 THEN CASE WHEN crashes >= 2 THEN 4 WHEN crashes = 0 THEN 1 ELSE 0 END
              WHEN state = 0 AND event = 8 THEN 1
              WHEN state = 1 AND event = 9 THEN 2
              WHEN state < 2 AND event = 10 THEN 5
              WHEN state = 2 AND event = 10 THEN 2
              WHEN state IN (0, 4, 5) AND event = 11 THEN 1
              WHEN state <= 2 AND event = 12 THEN 4
          END AS next
          FROM (SELECT state = 2 AND cancel_asked AND event IN (1, 2, 3, 6, 7, 13) AS called_off) c) m
    WHERE m.next IS NOT NULL
$$;
--
-- Name: still_wanted_v3(text[], integer[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.still_wanted_v3(p_kinds text[], p_left integer[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    IF p_left = '{}' THEN RETURN p_kinds; END IF;
    RETURN ARRAY(SELECT k.kind FROM unnest(p_kinds, p_left) AS k (kind, n) WHERE k.n > 0);
END $$;
--
-- Name: tags_of_v3(jsonb); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.tags_of_v3(tags jsonb) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE ROWS 4
    AS $$
    SELECT DISTINCT t FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(tags) = 'array' THEN tags ELSE '[]' END) AS t WHERE octet_length(t) <= 200
$$;
--
-- Name: take_key_v3(text, text, uuid, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.take_key_v3(p_queue text, p_key text, p_job uuid, p_scope bigint, p_now bigint, OUT holder uuid, OUT taken boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_until bigint := "longshore".key_until_v3(p_scope, p_now);
    v_held  "longshore".unique_key;
BEGIN
    LOOP
        holder := p_job;
        taken := true;
        INSERT INTO "longshore".unique_key (queue, key, job, until) VALUES (p_queue, p_key, p_job, v_until) ON CONFLICT DO NOTHING;
        IF FOUND THEN RETURN; END IF;
        SELECT * INTO v_held FROM "longshore".unique_key WHERE queue = p_queue AND key = p_key;
        IF FOUND AND "longshore".holds_key_v3(v_held.until, p_now) THEN
            holder := v_held.job;
            taken := false;
            RETURN;
        END IF;
        UPDATE "longshore".unique_key SET job = p_job, until = v_until
        WHERE queue = p_queue AND key = p_key AND job = v_held.job AND until = v_held.until; -- its period has passed
        IF FOUND THEN RETURN; END IF;
    END LOOP;
END $$;
--
-- Name: undo_push_v3(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.undo_push_v3(p_ids uuid[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_counted boolean;
BEGIN
    WITH undone AS (
        DELETE FROM "longshore".waiting j USING unnest(p_ids) AS f (id) WHERE j.id = ANY (ARRAY[f.id])
        RETURNING j.queue, j.kind, j.key, j.state, j.seq, j.tags
    ), its AS MATERIALIZED (
        SELECT t.tag, u.seq FROM undone u CROSS JOIN LATERAL "longshore".tags_of_v3(u.tags) AS t (tag)
    ), untagged AS (
        DELETE FROM "longshore".job_tag t USING its WHERE t.tag = ANY (ARRAY[its.tag]) AND t.seq = ANY (ARRAY[its.seq])
    )
    SELECT "longshore".moved_v3(array_agg(queue), array_agg(kind), array_agg(key), array_agg(state), array_agg(NULL::smallint),
                           array_agg(1::bigint)) INTO v_counted
    FROM undone;
END $$;
--
-- Name: vacuum_due_v3(); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.vacuum_due_v3() RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT bool_or(s.n_dead_tup > greatest(20000, s.n_live_tup / 10) AND pg_has_role(c.relowner, 'USAGE')) -- other roles may not vacuum
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.relid = ANY (ARRAY['"longshore".waiting'::regclass, '"longshore".running'::regclass]));
END $$;
--
-- Name: wait_for_work_v3(uuid, text, text[], text[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.wait_for_work_v3(p_worker uuid, p_process text, p_queues text[], p_kinds text[], p_clock bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_known "longshore".waiter;
BEGIN
    IF p_process IS NULL THEN RETURN false; END IF;
    -- A locked row belongs to a transaction that is notifying the worker and may wait for others. Claims wait for
    -- nobody.
    SELECT * INTO v_known FROM "longshore".waiter w WHERE w.worker = p_worker FOR UPDATE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (SELECT 1 FROM "longshore".waiter w WHERE w.worker = p_worker) THEN RETURN false; END IF;
    IF v_known.process = p_process AND v_known.waits AND v_known.queues @> p_queues AND v_known.kinds = p_kinds THEN
        IF v_known.seen >= p_clock - 10000 AND v_known.told <= v_known.seen THEN RETURN false; END IF;
        UPDATE "longshore".waiter w SET seen = p_clock WHERE w.worker = p_worker;
        RETURN v_known.seen < p_clock - 10000; -- concurrent notifications have skipped the locked row
    END IF;
    INSERT INTO "longshore".waiter AS w (worker, process, queues, kinds, waits, seen, told)
    VALUES (p_worker, p_process, p_queues, p_kinds, true, p_clock, p_clock)
    ON CONFLICT (worker) DO UPDATE SET process = excluded.process, queues = excluded.queues, kinds = excluded.kinds, waits = true, seen = excluded.seen;
    RETURN true;
END $$;
--
-- Name: with_failure_v3(jsonb, text, bigint, smallint, uuid, integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.with_failure_v3(failures jsonb, message text, at bigint, attempt smallint, worker uuid, class integer, started bigint, claim bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE
               WHEN jsonb_typeof(failures) IS DISTINCT FROM 'array' THEN '[]' -- otherwise another program has changed it
               WHEN jsonb_array_length(failures) >= 20 THEN failures - 0
               ELSE failures
           END
           || jsonb_build_array(jsonb_build_object(
               'at', at, 'attempt', attempt, 'worker', worker, 'message', message, 'class', class, 'started', started, 'claim', claim))
$$;
--
-- Name: worker_note; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.worker_note (
    id uuid NOT NULL,
    since bigint NOT NULL,
    seen bigint NOT NULL,
    note text NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_cost_delay='0');
--
-- Name: workers_v3(uuid, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.workers_v3(p_after uuid, p_limit integer) RETURNS SETOF longshore.worker_note
    LANGUAGE plpgsql STABLE ROWS 200
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM "longshore".worker_note w
    WHERE w.id >= coalesce(p_after, '00000000-0000-0000-0000-000000000000') AND w.id IS DISTINCT FROM p_after ORDER BY w.id LIMIT p_limit;
END $$;
--
-- Name: write_artifact_v3(bigint, integer, bytea); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.write_artifact_v3(p_upload bigint, p_n integer, p_body bytea) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM "longshore".artifact_upload u WHERE u.id = p_upload FOR SHARE; -- a concurrent deletion waits and sees the chunk
    IF NOT FOUND THEN
        RAISE EXCEPTION 'longshore: the artifact was deleted while it was written' USING ERRCODE = 'query_canceled';
    END IF;
    INSERT INTO "longshore".artifact_chunk (upload, n, body) VALUES (p_upload, p_n, p_body) ON CONFLICT (upload, n) DO NOTHING;
END $$;
--
-- Name: write_log_v3(uuid, bigint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.write_log_v3(p_id uuid, p_number bigint, p_bits bigint, p_text text) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_failures jsonb;
BEGIN
    SELECT CASE WHEN jsonb_typeof(j.failures) = 'array' THEN j.failures ELSE '[]' END INTO v_failures FROM "longshore".running j
    WHERE j.id = p_id AND j.token_number = p_number AND j.token_bits = p_bits FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM "longshore".log l WHERE l.job = p_id AND l.claim <> p_number AND NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(v_failures) AS f WHERE f ->> 'claim' = l.claim::text);
    INSERT INTO "longshore".log (job, claim, text) VALUES (p_id, p_number, p_text)
    ON CONFLICT (job, claim) DO UPDATE SET text = excluded.text;
    RETURN true;
END $$;
--
-- Name: artifact_chunk; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.artifact_chunk (
    upload bigint NOT NULL,
    n integer NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY longshore.artifact_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
--
-- Name: artifact_head; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.artifact_head (
    job uuid NOT NULL,
    claim bigint NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    body bytea,
    bytes bigint,
    chunk_bytes integer,
    upload bigint,
    CONSTRAINT artifact_head_check CHECK (((body IS NULL) = ((upload IS NOT NULL) AND (bytes IS NOT NULL) AND (chunk_bytes IS NOT NULL))))
);
ALTER TABLE ONLY longshore.artifact_head ALTER COLUMN body SET STORAGE EXTERNAL;
--
-- Name: artifact_upload; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.artifact_upload (
    id bigint NOT NULL,
    job uuid NOT NULL,
    claim bigint NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--
-- Name: artifact_upload_id_seq; Type: SEQUENCE; Schema: longshore; Owner: -
--
ALTER TABLE longshore.artifact_upload ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME longshore.artifact_upload_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
--
-- Name: claim_number; Type: SEQUENCE; Schema: longshore; Owner: -
--
CREATE SEQUENCE longshore.claim_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
--
-- Name: count_change; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.count_change (
    queue text NOT NULL COLLATE pg_catalog."C",
    scheduled bigint DEFAULT 0 NOT NULL,
    ready bigint DEFAULT 0 NOT NULL,
    running bigint DEFAULT 0 NOT NULL,
    succeeded bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    number bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
--
-- Name: count_change_number_seq; Type: SEQUENCE; Schema: longshore; Owner: -
--
ALTER TABLE longshore.count_change ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME longshore.count_change_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
--
-- Name: idempotency; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.idempotency (
    queue text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    job uuid NOT NULL,
    instead smallint NOT NULL,
    until bigint NOT NULL
);
--
-- Name: job_tag; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.job_tag (
    tag text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL
);
--
-- Name: jobs; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.jobs AS
 SELECT snapshot_v3.id,
    snapshot_v3.queue,
    snapshot_v3.kind,
    (ARRAY['scheduled'::text, 'ready'::text, 'running'::text, 'succeeded'::text, 'dead'::text, 'cancelled'::text])[(snapshot_v3.state + 1)] AS state,
    snapshot_v3.reason,
    (- snapshot_v3.rank) AS priority,
    snapshot_v3.attempt,
    snapshot_v3.max_attempts,
    snapshot_v3.crashes,
    snapshot_v3.interruptions,
    snapshot_v3.outages,
    snapshot_v3.cancel_asked,
    to_timestamp((((snapshot_v3.created_at)::numeric / 1000.0))::double precision) AS created_at,
    to_timestamp((((snapshot_v3.run_at)::numeric / 1000.0))::double precision) AS run_at,
    to_timestamp((((snapshot_v3.started_at)::numeric / 1000.0))::double precision) AS started_at,
    to_timestamp((((snapshot_v3.finished_at)::numeric / 1000.0))::double precision) AS finished_at,
    to_timestamp((((snapshot_v3.deadline)::numeric / 1000.0))::double precision) AS deadline,
    make_interval(secs => (((snapshot_v3.timeout_ms)::numeric / 1000.0))::double precision) AS timeout,
    snapshot_v3.key,
    snapshot_v3.unique_key,
    snapshot_v3.reuse_key,
    snapshot_v3.alias,
    snapshot_v3.tags,
    snapshot_v3.payload,
    snapshot_v3.progress,
    snapshot_v3.failures,
    snapshot_v3.result_type,
        CASE
            WHEN (octet_length(snapshot_v3.result) <= 65536) THEN encode(snapshot_v3.result, 'escape'::text)
            ELSE NULL::text
        END AS result
   FROM longshore.snapshot_v3;
--
-- Name: VIEW jobs; Type: COMMENT; Schema: longshore; Owner: -
--
COMMENT ON VIEW longshore.jobs IS 'All jobs of longshore, to be looked at; the newest: ORDER BY created_at DESC LIMIT 20';
--
-- Name: kind; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.kind (
    name text NOT NULL COLLATE pg_catalog."C",
    seen bigint NOT NULL
)
WITH (fillfactor='50');
--
-- Name: log; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.log (
    job uuid NOT NULL,
    claim bigint NOT NULL,
    text text NOT NULL
);
--
-- Name: migration; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.migration (
    version integer NOT NULL,
    program text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    oldest integer NOT NULL
);
--
-- Name: queue; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.queue (
    name text NOT NULL COLLATE pg_catalog."C",
    workers_since bigint DEFAULT 0 NOT NULL,
    workers_seen bigint DEFAULT 0 NOT NULL,
    rules text,
    rules_version bigint DEFAULT 0 NOT NULL,
    rules_level integer DEFAULT 0 NOT NULL,
    paused_until bigint DEFAULT 0 NOT NULL,
    scheduled bigint DEFAULT 0 NOT NULL,
    ready bigint DEFAULT 0 NOT NULL,
    running bigint DEFAULT 0 NOT NULL,
    succeeded bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    used_at bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');
--
-- Name: unique_key; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.unique_key (
    queue text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    job uuid NOT NULL,
    until bigint
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
--
-- Name: waiter; Type: TABLE; Schema: longshore; Owner: -
--
CREATE UNLOGGED TABLE longshore.waiter (
    worker uuid NOT NULL,
    process text NOT NULL,
    queues text[] NOT NULL,
    kinds text[] NOT NULL,
    waits boolean NOT NULL,
    seen bigint NOT NULL,
    told bigint NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
--
-- Name: worker; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.worker (
    id uuid NOT NULL,
    nonce bigint NOT NULL,
    first_claim bigint NOT NULL,
    released boolean NOT NULL,
    seen bigint NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_cost_delay='0');
--
-- Data for Name: artifact_chunk; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.artifact_chunk VALUES (1, 0, '\x78787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878');
--
-- Data for Name: artifact_head; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.artifact_head VALUES ('01a2278c-5348-837a-a386-a31b337b9614', 6, '2026-11-29 13:43:57.895623+00', NULL, 100000, 262144, 1);
--
-- Data for Name: artifact_upload; Type: TABLE DATA; Schema: longshore; Owner: -
--
--
-- Data for Name: count_change; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, -6, 6, 0, 0, 0, 11);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 1, 0, -1, 0, 0, 0, 12);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, 0, -4, 3, 1, 0, 13);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, 1, -1, 0, 0, 0, 14);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, -1, 1, 0, 0, 0, 15);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, 1, -1, 0, 0, 0, 16);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, -1, 1, 0, 0, 0, 17);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, 0, -1, 0, 1, 0, 18);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, 1, 0, 0, 0, 0, 19);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('default', 0, -1, 1, 0, 0, 0, 20);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('mail', 0, 1, 0, 0, 0, 0, 21);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('mail', 0, 1, 0, 0, 0, 0, 22);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('mail', 0, 1, 0, 0, 0, 0, 23);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('bulk', 0, 1, 0, 0, 0, 0, 24);
INSERT INTO longshore.count_change OVERRIDING SYSTEM VALUE VALUES ('bulk', 1, 0, 0, 0, 0, 0, 25);
--
-- Data for Name: history; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.history VALUES (1, 1795959827389, 1795959827389, 5, 1795959837498, 1796046237498, NULL, NULL, NULL, 1795959827594, NULL, NULL, NULL, NULL, NULL, NULL, 1800000, 0, 5, 0, 0, NULL, 20, 1, 0, false, '01a2278c-2bbc-837a-a264-66f6d4b15a00', '70f754db-bb7f-7456-ed3b-6b9c4ac61f0a', 'default', 'sleeps', '{}', NULL, '["crashed"]', NULL, NULL, NULL, '{"done":2,"total":3,"message":"asleep"}', '[{"at": 1795959837430, "claim": 2, "class": 3, "worker": "70f754db-bb7f-7456-ed3b-6b9c4ac61f0a", "attempt": 1, "message": "the worker process died, or could not renew its lease", "started": 1795959827594}]', NULL, NULL, NULL);
INSERT INTO longshore.history VALUES (2, 1795959837505, 1795959837505, 3, 1795959837940, 1796046237940, NULL, NULL, NULL, 1795959837738, 5, -6668124768777097060, NULL, NULL, NULL, NULL, 1800000, 0, 3, 0, 1, NULL, 20, 0, 0, false, '01a2278c-5340-837a-a3c7-c1a48f624974', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'fine', '{"n": 1}', NULL, '["one", "two"]', 'an alias', NULL, NULL, NULL, NULL, NULL, 'text/plain; charset=utf-8', '\x646f6e65');
INSERT INTO longshore.history VALUES (3, 1795959837513, 1795959837513, 3, 1795959837940, 1796046237940, NULL, NULL, 86400000, 1795959837738, 6, -6668124768777097060, 6, 100000, NULL, NULL, 1800000, 0, 3, 0, 1, NULL, 20, 0, 0, false, '01a2278c-5348-837a-a386-a31b337b9614', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'large', '{}', NULL, NULL, NULL, NULL, 'made before', NULL, NULL, NULL, 'text/plain; charset=utf-8', NULL);
INSERT INTO longshore.history VALUES (4, 1795959837529, 1795959837529, 3, 1795959837940, 1796564637940, NULL, 1, NULL, 1795959837738, 7, -6668124768777097060, NULL, NULL, NULL, NULL, 1800000, 0, 4, 0, 1, NULL, 20, 0, 0, false, '01a2278c-5358-837a-a16f-50674e4f31ee', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'fatal', '{}', NULL, NULL, NULL, 'given back', NULL, NULL, '[{"at": 1795959837940, "claim": 7, "class": 1, "worker": "665f97bd-1c12-62c3-004a-3a2b388fbe5a", "attempt": 1, "message": "exit code 65 (fatal): makes no sense", "started": 1795959837738}]', 'fatal', NULL, NULL);
INSERT INTO longshore.history VALUES (6, 1795959837544, 1795959837544, 3, 1795959837940, 1796046237940, NULL, 3600002, NULL, 1795959837738, 9, -6668124768777097060, NULL, NULL, NULL, NULL, 1800000, 0, 3, 0, 1, NULL, 20, 0, 0, false, '01a2278c-5367-837a-a0c4-f9a7de9e8684', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'fine', '{}', NULL, NULL, NULL, 'for a while', NULL, NULL, NULL, NULL, 'text/plain; charset=utf-8', '\x646f6e65');
INSERT INTO longshore.history VALUES (5, 1795959838008, 1795959837534, 7, 1795959838031, 1796564638031, NULL, NULL, NULL, 1795959838017, 16, -7980872186092927743, NULL, NULL, NULL, NULL, 1800000, 0, 4, 0, 3, 3, 3, 0, 0, false, '01a2278c-535d-837a-a2a1-6e9368b6b810', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'fails', '{}', NULL, '["two"]', NULL, NULL, NULL, NULL, '[{"at": 1795959837940, "claim": 8, "class": 0, "worker": "665f97bd-1c12-62c3-004a-3a2b388fbe5a", "attempt": 1, "message": "exit code 1: cannot be done", "started": 1795959837738}, {"at": 1795959838008, "claim": 14, "class": 0, "worker": "665f97bd-1c12-62c3-004a-3a2b388fbe5a", "attempt": 2, "message": "exit code 1: cannot be done", "started": 1795959837992}, {"at": 1795959838031, "claim": 16, "class": 0, "worker": "665f97bd-1c12-62c3-004a-3a2b388fbe5a", "attempt": 3, "message": "exit code 1: cannot be done", "started": 1795959838017}]', 'exhausted', NULL, NULL);
--
-- Data for Name: idempotency; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.idempotency VALUES ('default', '7403d65420b2ffe7804212491a26b0ce1d61dce689468167430c815124170fbb', '\x77340661442a7f37da6e5a1feb9035ec0a3398e1dc07656122b65d62a1479983', '01a2278c-5340-837a-a3c7-c1a48f624974', 0, 1796046237505);
INSERT INTO longshore.idempotency VALUES ('bulk', 'd434f7462e4374cc59cc01af3dbce58a567a8673ca6459e8845c4c52c9e7fb21', '\x5747877fbd582a6e94c8e5cf146db6a74417d1f338a5cc585c0ec237b67b2a68', '01a2278c-5dfd-8bf8-8f6e-63eeb513dd30', 0, 1796046240255);
--
-- Data for Name: job_tag; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.job_tag VALUES ('crashed', 1);
INSERT INTO longshore.job_tag VALUES ('two', 2);
INSERT INTO longshore.job_tag VALUES ('one', 2);
INSERT INTO longshore.job_tag VALUES ('two', 5);
INSERT INTO longshore.job_tag VALUES ('runs', 8);
INSERT INTO longshore.job_tag VALUES ('large', 9);
INSERT INTO longshore.job_tag VALUES ('ü', 9);
--
-- Data for Name: kind; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.kind VALUES ('fails', 1795959837738);
INSERT INTO longshore.kind VALUES ('fatal', 1795959837738);
INSERT INTO longshore.kind VALUES ('fine', 1795959837738);
INSERT INTO longshore.kind VALUES ('large', 1795959837738);
INSERT INTO longshore.kind VALUES ('later', 1795959837738);
INSERT INTO longshore.kind VALUES ('sleeps', 1795959837738);
--
-- Data for Name: log; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.log VALUES ('01a2278c-5367-837a-a0c4-f9a7de9e8684', 9, 'some words
');
INSERT INTO longshore.log VALUES ('01a2278c-5358-837a-a16f-50674e4f31ee', 7, 'makes no sense
');
INSERT INTO longshore.log VALUES ('01a2278c-535d-837a-a2a1-6e9368b6b810', 8, 'cannot be done
');
INSERT INTO longshore.log VALUES ('01a2278c-5340-837a-a3c7-c1a48f624974', 5, 'some words
');
INSERT INTO longshore.log VALUES ('01a2278c-535d-837a-a2a1-6e9368b6b810', 14, 'cannot be done
');
INSERT INTO longshore.log VALUES ('01a2278c-535d-837a-a2a1-6e9368b6b810', 16, 'cannot be done
');
INSERT INTO longshore.log VALUES ('01a2278c-558a-837a-a1f3-019126101782', 18, 'a dream
');
--
-- Data for Name: migration; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.migration VALUES (3, '0.1.0', '2026-11-29 13:43:47.254128+00', 2);
--
-- Data for Name: payload; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.payload VALUES ('01a2278c-5dc8-800d-a07f-8583c52140a1', '{"text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u00fc"}');
INSERT INTO longshore.payload VALUES ('01a2278c-5dea-800d-a2e9-a88307d8864e', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"');
--
-- Data for Name: queue; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.queue VALUES ('default', 1795959827594, 1795959837738, NULL, 0, 0, 0, 0, 6, 0, 0, 0, 1, 1795959837793);
INSERT INTO longshore.queue VALUES ('mail', 0, 0, '{"pause":{"since":1795959840277,"reason":"it is \"down\"","by":"ada"}}', 1, 1, 9223372036854775807, 0, 0, 0, 0, 0, 0, 1795959840279);
INSERT INTO longshore.queue VALUES ('bulk', 0, 0, '{"pause":{"since":1795959840310,"until":1795963440310}}', 1, 1, 1795963440310, 0, 0, 0, 0, 0, 0, 1795959840311);
--
-- Data for Name: running; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.running VALUES (8, 1795959838091, 1795959838091, 3, NULL, NULL, NULL, 1795959838106, NULL, NULL, 18, -3308910893388131548, 1795959868122, NULL, NULL, 1800000, 0, 0, 1, NULL, 20, 0, 0, false, '01a2278c-558a-837a-a1f3-019126101782', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'sleeps', '{}', 'a tenant', '["runs"]', NULL, NULL, NULL, '{"done":2,"total":3,"message":"asleep"}', NULL);
--
-- Data for Name: unique_key; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.unique_key VALUES ('default', 'for a while', '01a2278c-5367-837a-a0c4-f9a7de9e8684', 1795963437544);
INSERT INTO longshore.unique_key VALUES ('default', 'held', '01a2278c-5379-837a-a168-f3b0a89f2c43', NULL);
INSERT INTO longshore.unique_key VALUES ('mail', 'waits', '01a2278c-5dea-800d-a2e9-a88307d8864e', NULL);
--
-- Data for Name: waiter; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.waiter VALUES ('665f97bd-1c12-62c3-004a-3a2b388fbe5a', '39d8fafcc5665284', '{default}', '{fails,fatal,fine,large,later,sleeps}', true, 1795959838106, 1795959838102);
--
-- Data for Name: waiting; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.waiting VALUES (7, 1795967037865, 1795959837562, 4, NULL, 1, NULL, 1795959837738, 10, -6668124768777097060, NULL, NULL, 1800000, 0, 0, 0, 1, NULL, 20, 0, 0, '01a2278c-5379-837a-a168-f3b0a89f2c43', '665f97bd-1c12-62c3-004a-3a2b388fbe5a', 'default', 'later', '{}', NULL, 'a tenant', NULL, NULL, 'held', NULL, '{"done":1,"total":3,"message":"begun"}', '[{"at": 1795959837865, "claim": 10, "class": 0, "worker": "665f97bd-1c12-62c3-004a-3a2b388fbe5a", "attempt": 1, "message": "exit code 75 (try again)", "started": 1795959837738}]');
INSERT INTO longshore.waiting VALUES (9, 1795959840201, 1795959840201, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, -7, 0, NULL, NULL, 0, 0, '01a2278c-5dc8-800d-a07f-8583c52140a1', NULL, 'mail', 'fine', NULL, NULL, NULL, '["large", "ü"]', NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (10, 1795959840217, 1795959840217, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, 0, NULL, NULL, 0, 0, '01a2278c-5dd8-800d-a2bc-04b3da57e5fa', NULL, 'mail', 'fine', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (11, 1795959840235, 1795959840235, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, 0, NULL, NULL, 0, 0, '01a2278c-5dea-800d-a2e9-a88307d8864e', NULL, 'mail', 'fine', NULL, NULL, NULL, NULL, NULL, 'waits', NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (12, 1795959840242, 1795959840242, 1, 4070908800000, NULL, NULL, NULL, NULL, NULL, NULL, 5000, NULL, 0, 1, 0, 0, 7, NULL, 0, 0, '01a2278c-5df1-8bf8-8eab-a727a8665e67', NULL, 'bulk', 'fine', '{}', NULL, 'a tenant', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (13, 1796046240255, 1795959840255, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, '01a2278c-5dfd-8bf8-8f6e-63eeb513dd30', NULL, 'bulk', 'fine', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
--
-- Data for Name: worker; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.worker VALUES ('70f754db-bb7f-7456-ed3b-6b9c4ac61f0a', -2044961349363295901, 1, false, 1795959827594);
INSERT INTO longshore.worker VALUES ('665f97bd-1c12-62c3-004a-3a2b388fbe5a', -2187435306421295640, 17, false, 1795959838106);
--
-- Data for Name: worker_note; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.worker_note VALUES ('70f754db-bb7f-7456-ed3b-6b9c4ac61f0a', 1795959827599, 1795959827599, '{"host":"vm","pid":31272,"version":"0.1.0","queues":["default"],"kinds":["fails","fatal","fine","large","later","sleeps"],"slots":10,"jobs":[],"running":0,"stuck":0,"quiet":false}');
INSERT INTO longshore.worker_note VALUES ('665f97bd-1c12-62c3-004a-3a2b388fbe5a', 1795959837729, 1795959837729, '{"host":"vm","pid":31423,"version":"0.1.0","queues":["default"],"kinds":["fails","fatal","fine","large","later","sleeps"],"slots":10,"jobs":[],"running":0,"stuck":0,"quiet":false}');
--
-- Name: artifact_upload_id_seq; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.artifact_upload_id_seq', 1, true);
--
-- Name: claim_number; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.claim_number', 22, true);
--
-- Name: count_change_number_seq; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.count_change_number_seq', 25, true);
--
-- Name: push_number; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.push_number', 13, true);
--
-- Name: artifact_chunk artifact_chunk_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.artifact_chunk
    ADD CONSTRAINT artifact_chunk_pkey PRIMARY KEY (upload, n);
--
-- Name: artifact_head artifact_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.artifact_head
    ADD CONSTRAINT artifact_pkey PRIMARY KEY (job, claim);
--
-- Name: artifact_upload artifact_upload_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.artifact_upload
    ADD CONSTRAINT artifact_upload_pkey PRIMARY KEY (id);
--
-- Name: count_change count_change_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.count_change
    ADD CONSTRAINT count_change_pkey PRIMARY KEY (number);
--
-- Name: history history_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (id);
--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (queue, key);
--
-- Name: job_tag job_tag_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.job_tag
    ADD CONSTRAINT job_tag_pkey PRIMARY KEY (tag, seq);
--
-- Name: kind kind_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.kind
    ADD CONSTRAINT kind_pkey PRIMARY KEY (name);
--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (job, claim);
--
-- Name: migration migration_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
--
-- Name: payload payload_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.payload
    ADD CONSTRAINT payload_pkey PRIMARY KEY (job);
--
-- Name: queue queue_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (name);
--
-- Name: running running_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.running
    ADD CONSTRAINT running_pkey PRIMARY KEY (id);
--
-- Name: unique_key unique_key_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.unique_key
    ADD CONSTRAINT unique_key_pkey PRIMARY KEY (queue, key);
--
-- Name: waiter waiter_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.waiter
    ADD CONSTRAINT waiter_pkey PRIMARY KEY (worker);
--
-- Name: waiting waiting_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (id);
--
-- Name: worker_note worker_note_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.worker_note
    ADD CONSTRAINT worker_note_pkey PRIMARY KEY (id);
--
-- Name: worker worker_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);
--
-- Name: artifact_upload_name; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX artifact_upload_name ON longshore.artifact_upload USING btree (job, claim);
--
-- Name: history_alias; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX history_alias ON longshore.history USING btree (alias, seq) WHERE (alias IS NOT NULL);
--
-- Name: history_dead; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX history_dead ON longshore.history USING btree (seq) WHERE (state = 4);
--
-- Name: history_keep; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX history_keep ON longshore.history USING btree (keep_until);
--
-- Name: history_reuse; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX history_reuse ON longshore.history USING btree (queue, reuse_key, finished_at) WHERE ((reuse_key IS NOT NULL) AND (state = 3));
--
-- Name: history_seq; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX history_seq ON longshore.history USING btree (seq);
--
-- Name: idempotency_until; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX idempotency_until ON longshore.idempotency USING btree (until);
--
-- Name: queue_rules; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX queue_rules ON longshore.queue USING btree (rules_level) WHERE (rules_level > 0);
--
-- Name: running_alias; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX running_alias ON longshore.running USING btree (alias, seq) WHERE (alias IS NOT NULL);
--
-- Name: running_lease; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX running_lease ON longshore.running USING btree (lease_until, worker);
--
-- Name: running_seq; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX running_seq ON longshore.running USING btree (seq);
--
-- Name: waiting_alias; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX waiting_alias ON longshore.waiting USING btree (alias, seq) WHERE (alias IS NOT NULL);
--
-- Name: waiting_deadline; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX waiting_deadline ON longshore.waiting USING btree (deadline) WHERE (deadline IS NOT NULL);
--
-- Name: waiting_ready; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX waiting_ready ON longshore.waiting USING btree (queue, ((crashes / 2)), kind, rank, run_at, seq) WHERE (state = 1);
--
-- Name: waiting_scheduled; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX waiting_scheduled ON longshore.waiting USING btree (queue, run_at) WHERE (state = 0);
--
-- Name: waiting_seq; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX waiting_seq ON longshore.waiting USING btree (seq);
--
-- Name: worker_note_seen; Type: INDEX; Schema: longshore; Owner: -
--
CREATE INDEX worker_note_seen ON longshore.worker_note USING btree (seen);
--
-- PostgreSQL database dump complete
--

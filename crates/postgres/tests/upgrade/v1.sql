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
-- Name: act(uuid, text, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.act(p_id uuid, p_action text, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint, OUT answer text, OUT state smallint, OUT other uuid) RETURNS record
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
    v_now   bigint := "longshore".clock() + p_shift;
    v_state smallint;
    v_ended "longshore".history;
    v_key   record;
BEGIN
    answer := 'unknown';
    -- A job may move between the tables while this looks, or waits for its row, so look again.
    FOR n IN 1..10 LOOP
        SELECT j.state INTO v_state FROM "longshore".waiting j WHERE j.id = p_id FOR UPDATE;
        IF NOT FOUND THEN
            SELECT 2 INTO v_state FROM "longshore".running j WHERE j.id = p_id FOR UPDATE;
        END IF;
        IF FOUND THEN
            state := (SELECT h.state FROM "longshore".happen(
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
        -- Upkeep deletes it, with its artifact: nobody else deletes artifacts. It does so wherever the clock is by then.
        UPDATE "longshore".history h SET keep_until = 0 WHERE h.id = p_id;
    ELSIF p_action <> 'retry' OR v_ended.state = 3 THEN
        answer := 'not';
    ELSE
        IF v_ended.unique_key IS NOT NULL THEN
            SELECT * INTO v_key FROM "longshore".take_key(v_ended.queue, v_ended.unique_key, p_id, v_ended.unique_scope, v_now);
            IF v_key.holder <> p_id THEN
                answer := 'conflict';
                other := v_key.holder;
                RETURN;
            END IF;
        END IF;
        DELETE FROM "longshore".history h WHERE h.id = p_id;
        -- Tried again by hand, whatever was once too late: it has no deadline any more.
        INSERT INTO "longshore".waiting (
            seq, run_at, created_at, version, unique_scope, reuse_ms, started_at, settled_number, settled_bits, timeout_ms, interruptions,
            state, rank, attempt, max_attempts, crashes, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
            progress, failures)
        SELECT v_ended.seq, v_now + n.wait, v_ended.created_at, v_ended.version + 1, v_ended.unique_scope, v_ended.reuse_ms,
               v_ended.started_at, v_ended.settled_number, v_ended.settled_bits, v_ended.timeout_ms, n.to_interruptions, n.to_state,
               v_ended.rank, n.to_attempt, v_ended.max_attempts, n.to_crashes, p_id, v_ended.worker, v_ended.queue,
               v_ended.kind, v_ended.payload, v_ended.key, v_ended.tags, v_ended.alias, v_ended.unique_key, v_ended.reuse_key,
               v_ended.progress, v_ended.failures
        FROM "longshore".step(v_ended.state, v_ended.attempt, v_ended.max_attempts, v_ended.crashes, v_ended.interruptions,
                            v_ended.cancel_asked, 11::smallint, 0, NULL) n;
        INSERT INTO "longshore".count_change (queue, ready, dead, cancelled)
        VALUES (v_ended.queue, 1, -(v_ended.state = 4)::int, -(v_ended.state = 5)::int);
        state := 1;
    END IF;
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
    timeout_ms integer,
    interruptions integer,
    state smallint NOT NULL,
    rank smallint,
    attempt smallint,
    max_attempts smallint,
    crashes smallint,
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
    timeout_ms integer,
    interruptions integer,
    rank smallint,
    attempt smallint,
    max_attempts smallint,
    crashes smallint,
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
    timeout_ms integer NOT NULL,
    interruptions integer DEFAULT 0 NOT NULL,
    state smallint NOT NULL,
    rank smallint NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint NOT NULL,
    crashes smallint DEFAULT 0 NOT NULL,
    id uuid NOT NULL,
    worker uuid,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    payload text NOT NULL,
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
    CONSTRAINT waiting_interruptions_check CHECK ((interruptions >= 0)),
    CONSTRAINT waiting_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 1000))),
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
-- Name: live; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.live AS
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
    waiting.timeout_ms,
    waiting.interruptions,
    waiting.state,
    waiting.rank,
    waiting.attempt,
    waiting.max_attempts,
    waiting.crashes,
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
    running.timeout_ms,
    running.interruptions,
    (2)::smallint AS state,
    running.rank,
    running.attempt,
    running.max_attempts,
    running.crashes,
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
-- Name: snapshot; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.snapshot AS
 SELECT live.seq,
    live.id,
    live.queue,
    live.kind,
    live.payload,
    live.state,
    live.rank,
    live.key,
    live.unique_key,
    live.reuse_key,
    live.alias,
    live.tags,
    live.attempt,
    live.max_attempts,
    live.crashes,
    live.interruptions,
    live.timeout_ms,
    live.deadline,
    live.created_at,
    live.run_at,
    live.started_at,
    NULL::bigint AS finished_at,
    live.worker,
    live.cancel_asked,
    live.progress,
    NULL::text AS reason,
    NULL::text AS result_type,
    NULL::bytea AS result,
    NULL::bigint AS artifact,
    NULL::bigint AS artifact_bytes,
    live.failures,
    live.version
   FROM longshore.live
UNION ALL
 SELECT history.seq,
    history.id,
    history.queue,
    history.kind,
    history.payload,
    history.state,
    history.rank,
    history.key,
    history.unique_key,
    history.reuse_key,
    history.alias,
    history.tags,
    history.attempt,
    history.max_attempts,
    history.crashes,
    history.interruptions,
    history.timeout_ms,
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
-- Name: at(bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.at(p_seq bigint) RETURNS SETOF longshore.snapshot
    LANGUAGE plpgsql STABLE ROWS 1
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM "longshore".snapshot s WHERE s.seq = p_seq;
END $$;
--
-- Name: begun(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.begun(p_ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY SELECT n.id FROM unnest(p_ids) AS n (id) CROSS JOIN LATERAL (
        (SELECT 1 FROM "longshore".running j WHERE j.id = n.id LIMIT 1) UNION ALL (SELECT 1 FROM "longshore".history h WHERE h.id = n.id LIMIT 1)
        LIMIT 1) found;
END $$;
--
-- Name: bury(uuid[], text, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury(p_ids uuid[], p_why text, p_now bigint, p_keep_dead bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT count(*) FROM "longshore".happen(
        p_ids, NULL, NULL, array_fill(12::smallint, ARRAY[cardinality(p_ids)]), NULL, NULL,
        array_fill(p_why, ARRAY[cardinality(p_ids)]), NULL, p_now, 0, p_keep_dead));
END $$;
--
-- Name: bury_late(integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_late(p_limit integer, p_now bigint, p_keep_dead bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN "longshore".bury(ARRAY(
        SELECT late.id FROM (
            SELECT j.id FROM "longshore".waiting j WHERE j.deadline <= p_now
            ORDER BY j.deadline LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) late ORDER BY late.id), 'expired', p_now, p_keep_dead);
END $$;
--
-- Name: bury_late_first(text, integer, text[], integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_late_first(p_queue text, p_alone integer, p_kinds text[], p_limit integer, p_now bigint, p_keep_dead bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN "longshore".bury(ARRAY(
        SELECT j.id FROM (
            SELECT first.id, bool_and(first.deadline IS NOT NULL AND first.deadline <= p_now) OVER (
                       ORDER BY first.rank, first.run_at, first.seq) AS late
            FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                      SELECT j.id, j.deadline, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                      WHERE j.state = 1 AND j.queue = p_queue AND j.crashes / 2 = p_alone AND j.kind = k.kind
                      ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) j
                  ORDER BY j.rank, j.run_at, j.seq LIMIT p_limit) first
        ) best CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".waiting j WHERE j.id = best.id AND j.deadline <= p_now FOR UPDATE SKIP LOCKED
        ) j
        WHERE best.late ORDER BY best.id), 'expired', p_now, p_keep_dead);
END $$;
--
-- Name: bury_waiting(integer, text[], bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.bury_waiting(p_limit integer, p_after text[], p_shift bigint, p_keep_dead bigint, OUT late bigint, OUT unknown bigint, OUT after text[]) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_now    bigint := "longshore".clock() + p_shift;
    v_day    bigint := v_now - 86400000;
    v_found  uuid[] := '{}';
    v_place  record;
    v_queue  "longshore".queue;
    v_rank   smallint;
BEGIN
    late := "longshore".bury_late(p_limit, v_now, p_keep_dead);
    after := p_after;
    -- From one pair of queue and kind that has ready jobs to the next, by one seek each; many take turns.
    FOR n IN 1..200 LOOP
        SELECT j.queue, j.crashes / 2 AS alone, j.kind INTO v_place FROM "longshore".waiting j
        WHERE j.state = 1 AND (j.queue, j.crashes / 2, j.kind) > (coalesce(after[1], ''), coalesce(after[2]::integer, 0), coalesce(after[3], ''))
        ORDER BY j.queue, j.crashes / 2, j.kind LIMIT 1;
        after := CASE WHEN FOUND THEN ARRAY[v_place.queue, v_place.alone::text, v_place.kind] END;
        EXIT WHEN after IS NULL;
        SELECT * INTO v_queue FROM "longshore".queue q WHERE q.name = v_place.queue;
        CONTINUE WHEN v_queue.workers_seen IS NULL OR v_queue.workers_seen <= v_now - 3600000 OR v_queue.workers_since >= v_day
            OR EXISTS (SELECT 1 FROM "longshore".kind k WHERE k.name = v_place.kind AND k.seen >= v_day);
        v_rank := -32768;
        LOOP -- from one priority in use to the next
            v_rank := (SELECT min(r.rank) FROM (
                SELECT j.rank FROM "longshore".waiting j
                WHERE j.state = 1 AND j.queue = v_place.queue AND j.crashes / 2 = v_place.alone AND j.kind = v_place.kind AND j.rank > v_rank
                ORDER BY j.rank LIMIT 1) r);
            EXIT WHEN v_rank IS NULL;
            v_found := v_found || ARRAY(
                SELECT j.id FROM "longshore".waiting j
                WHERE j.state = 1 AND j.queue = v_place.queue AND j.crashes / 2 = v_place.alone AND j.kind = v_place.kind
                  AND j.rank = v_rank AND j.run_at < v_day
                ORDER BY j.run_at LIMIT p_limit - cardinality(v_found) FOR UPDATE SKIP LOCKED);
        END LOOP;
        EXIT WHEN cardinality(v_found) >= p_limit;
    END LOOP;
    unknown := "longshore".bury(ARRAY(SELECT f FROM unnest(v_found) AS f ORDER BY f), 'unknown_kind', v_now, p_keep_dead);
END $$;
--
-- Name: check_name(text, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.check_name(what text, name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    IF coalesce(name COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$', true) THEN
        PERFORM "longshore".refuse(format('%s %L is no name', what, left(name, 100)),
                                 'names have 1 to 64 letters, digits, `_`, `.` and `-`, and start with a letter or a digit');
    END IF;
END $_$;
--
-- Name: check_payload(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.check_payload(payload text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_brackets text;
    v_depth    integer := 0;
BEGIN
    IF payload IS NULL THEN
        PERFORM "longshore".refuse('the payload is NULL', 'a payload is JSON text, such as `{}`');
    ELSIF octet_length(payload) > 262144 THEN
        PERFORM "longshore".refuse(format('the payload has %s bytes, more than 262144', octet_length(payload)),
                                 'put large data somewhere and send a reference');
    END IF;
    PERFORM payload::json; -- says itself what is wrong with it, and where
    v_brackets := regexp_replace(payload, '[^][{}"\\]', '', 'g');
    IF length(v_brackets) > 64 THEN
        v_brackets := regexp_replace(regexp_replace(payload, '"([^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g');
        FOR n IN 1..length(v_brackets) LOOP
            v_depth := v_depth + CASE WHEN substr(v_brackets, n, 1) IN ('[', '{') THEN 1 ELSE -1 END;
            IF v_depth > 64 THEN
                PERFORM "longshore".refuse('the payload is nested deeper than 64 levels', 'flatten it, or send a reference');
            END IF;
        END LOOP;
    END IF;
END $$;
--
-- Name: claim(uuid, bigint, bigint, text[], text[], integer, bigint, boolean, bigint, boolean, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim(p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_limit integer, p_lease bigint, p_idle boolean, p_bits bigint, p_note boolean, p_shift bigint, p_lease_shift bigint, p_keep_dead bigint) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, released boolean, next_due bigint, alone_waits boolean, stirred boolean)
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
    v_clock    bigint;
    v_now      bigint;
    v_until    bigint;
    v_known    "longshore".worker;
    v_first    bigint;
    v_queue    text;
    v_look     record;
    v_next_due bigint;
    v_taken    integer := 0;
    v_waits    boolean := false;    -- some job waits that must run alone
    v_stirred  boolean := false;
    v_solo     boolean := false;    -- the one taken must run alone
    v_alone    boolean;
    v_want     integer;
    v_got      integer;
    v_buried   bigint;
    v_late     bigint := 0;
    v_kinds    text[];
    v_counts   bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := "longshore".clock();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;
    SELECT * INTO v_known FROM "longshore".worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
        RETURN;
    ELSIF v_known.nonce = p_nonce THEN
        -- The first answer may have been lost long ago: the lease begins anew.
        RETURN QUERY
        WITH held AS MATERIALIZED (
            SELECT j.id FROM unnest("longshore".held_by(p_worker)) AS its (id) CROSS JOIN LATERAL (
                SELECT j.id FROM "longshore".running j
                WHERE j.id = its.id AND j.worker = p_worker AND j.token_number >= v_known.first_claim FOR UPDATE
            ) j
        )
        UPDATE "longshore".running j SET lease_until = v_until FROM held h
        WHERE j.id = ANY (ARRAY[h.id]) AND j.worker = p_worker AND j.token_number >= v_known.first_claim
        RETURNING j.id, j.token_number, j.token_bits, j.queue, j.kind, j.payload, j.attempt, j.max_attempts, j.crashes, j.timeout_ms,
                  NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean;
        RETURN;
    END IF;
    IF p_note THEN
        PERFORM "longshore".note_workers(p_queues, p_kinds, v_now);
    END IF;
    FOREACH v_queue IN ARRAY p_queues LOOP
        SELECT (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1) AS due,
               EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1) AS suspects,
               EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.deadline <= v_now) AS late,
               q.paused_since IS NOT NULL AND coalesce(q.paused_until > v_now, true) AS paused, q.paused_until
        INTO v_look FROM (SELECT) one LEFT JOIN "longshore".queue q ON q.name = v_queue;
        IF v_look.due <= v_now THEN
            WITH due AS MATERIALIZED (
                SELECT j.id FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue AND j.run_at <= v_now
                ORDER BY j.run_at LIMIT 500 FOR UPDATE SKIP LOCKED
            ), promoted AS (
                UPDATE "longshore".waiting j SET state = 1, version = j.version + 1 FROM due d WHERE j.id = ANY (ARRAY[d.id]) RETURNING 1
            )
            INSERT INTO "longshore".count_change (queue, scheduled, ready)
            SELECT v_queue, -count(*), count(*) FROM promoted HAVING count(*) > 0;
            v_stirred := FOUND OR v_stirred;
            v_look.suspects := v_look.suspects OR FOUND; -- perhaps; it is asked more closely below
            v_look.due := (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1);
        END IF;
        v_next_due := least(v_next_due, v_look.due);
        IF v_look.paused THEN
            v_next_due := least(v_next_due, v_look.paused_until);
            CONTINUE;
        END IF;
        v_alone := v_look.suspects AND EXISTS (
            SELECT 1 FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
            ) suspect);
        v_waits := v_waits OR v_alone;
        v_alone := v_alone AND p_idle AND v_taken = 0;
        LOOP
            v_want := CASE WHEN v_solo THEN 0 WHEN v_alone THEN least(p_limit, 1) ELSE p_limit - v_taken END;
            EXIT WHEN v_want <= 0;
            IF cardinality(p_kinds) = 1 THEN
                v_kinds := p_kinds;
                v_counts := ARRAY[v_want];
            ELSE
                -- How many of the best are of which kind: no more than these are locked below, so that others miss none.
                SELECT array_agg(best.kind), array_agg(best.n) INTO v_kinds, v_counts
                FROM (SELECT c.kind, count(*) AS n
                      FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                                SELECT j.kind, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                                WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                                ORDER BY j.rank, j.run_at, j.seq LIMIT v_want) j
                            ORDER BY j.rank, j.run_at, j.seq LIMIT v_want) c
                      GROUP BY c.kind) best;
            END IF;
            v_first := coalesce(v_first, nextval('"longshore".claim_number'));
            RETURN QUERY
            WITH picked AS MATERIALIZED (
                SELECT best.place, nextval('"longshore".claim_number') AS number
                FROM (SELECT j.* FROM unnest(v_kinds, v_counts) AS k (kind, n) CROSS JOIN LATERAL (
                          SELECT j.ctid AS place, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                          WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                          ORDER BY j.rank, j.run_at, j.seq LIMIT k.n FOR UPDATE SKIP LOCKED) j
                      ORDER BY j.rank, j.run_at, j.seq) best
            ), left_waiting AS (
                DELETE FROM "longshore".waiting j USING picked p
                WHERE j.ctid = p.place AND (j.deadline IS NULL OR j.deadline > v_now) RETURNING j.*, p.number
            ), taken AS (
                INSERT INTO "longshore".running (
                    seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
                    token_number, token_bits, lease_until, timeout_ms, interruptions, rank, attempt, max_attempts, crashes, id, worker,
                    queue, kind, payload, key, tags, alias, unique_key, reuse_key, failures)
                SELECT j.seq, j.run_at, j.created_at, j.version + 1, j.deadline, j.unique_scope, j.reuse_ms, v_now, j.settled_number,
                       j.settled_bits, j.number, p_bits, v_until, j.timeout_ms, j.interruptions, j.rank, least(j.attempt + 1, 32767),
                       j.max_attempts, j.crashes, j.id, p_worker, j.queue, j.kind, j.payload, j.key, j.tags, j.alias, j.unique_key,
                       j.reuse_key, j.failures
                FROM left_waiting j
                RETURNING id, token_number, token_bits, queue, kind, payload, attempt, max_attempts, crashes, timeout_ms, unique_scope,
                          unique_key
            ), freed AS (
                DELETE FROM "longshore".unique_key u USING taken t
                WHERE t.unique_scope = 0 AND u.queue = ANY (ARRAY[t.queue]) AND u.key = ANY (ARRAY[t.unique_key]) AND u.job = t.id
            ), counted AS (
                INSERT INTO "longshore".count_change (queue, ready, running)
                SELECT v_queue, -count(*), count(*) FROM taken HAVING count(*) > 0
            )
            SELECT t.id, t.token_number, t.token_bits, t.queue, t.kind, t.payload, t.attempt, t.max_attempts, t.crashes, t.timeout_ms,
                   NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean
            FROM taken t;
            GET DIAGNOSTICS v_got = ROW_COUNT;
            v_taken := v_taken + v_got;
            v_solo := v_alone AND v_got > 0;
            CONTINUE WHEN v_solo; -- to the end of the loop
            IF v_got < v_want AND v_look.late THEN
                v_buried := "longshore".bury_late_first(v_queue, v_alone::integer, p_kinds, 500, v_now, p_keep_dead);
                v_stirred := v_stirred OR v_buried > 0;
                v_late := v_late + v_buried;
                IF v_late >= 500 THEN
                    v_next_due := v_now; -- enough for one call; look again at once
                    EXIT;
                END IF;
                CONTINUE WHEN v_buried > 0;
            END IF;
            EXIT WHEN NOT v_alone AND (v_got = 0 OR cardinality(p_kinds) = 1);
            v_alone := false;
        END LOOP;
    END LOOP;
    IF v_taken > 0 THEN
        INSERT INTO "longshore".worker AS w (id, nonce, first_claim, released, seen) VALUES (p_worker, p_nonce, v_first, false, v_now)
        ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, first_claim = excluded.first_claim, seen = excluded.seen;
    END IF;
    next_due := CASE WHEN v_next_due IS NOT NULL THEN greatest(v_next_due - v_now, 0) END;
    alone_waits := v_waits;
    stirred := v_stirred;
    RETURN NEXT;
END $$;
--
-- Name: claim_bare(uuid, bigint, bigint, text[], text[], integer, bigint, boolean, bigint, boolean, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.claim_bare(p_worker uuid, p_lock bigint, p_nonce bigint, p_queues text[], p_kinds text[], p_limit integer, p_lease bigint, p_idle boolean, p_bits bigint, p_note boolean, p_shift bigint, p_lease_shift bigint, p_keep_dead bigint) RETURNS TABLE(id uuid, token_number bigint, token_bits bigint, queue text, kind text, payload text, attempt smallint, max_attempts smallint, crashes smallint, timeout_ms integer, released boolean, next_due bigint, alone_waits boolean, stirred boolean)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_clock    bigint;
    v_now      bigint;
    v_until    bigint;
    v_known    "longshore".worker;
    v_first    bigint;
    v_queue    text;
    v_look     record;
    v_next_due bigint;
    v_taken    integer := 0;
    v_waits    boolean := false;    -- some job waits that must run alone
    v_stirred  boolean := false;
    v_solo     boolean := false;    -- the one taken must run alone
    v_alone    boolean;
    v_want     integer;
    v_got      integer;
    v_buried   bigint;
    v_late     bigint := 0;
    v_kinds    text[];
    v_counts   bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_clock := "longshore".clock();
    v_now := v_clock + p_shift;
    v_until := v_clock + p_lease_shift + p_lease;
    SELECT * INTO v_known FROM "longshore".worker w WHERE w.id = p_worker;
    IF v_known.released THEN
        released := true;
        RETURN NEXT;
        RETURN;
    ELSIF v_known.nonce = p_nonce THEN
        -- The first answer may have been lost long ago: the lease begins anew.
        RETURN QUERY
        WITH held AS MATERIALIZED (
            SELECT j.id FROM unnest("longshore".held_by(p_worker)) AS its (id) CROSS JOIN LATERAL (
                SELECT j.id FROM "longshore".running j
                WHERE j.id = its.id AND j.worker = p_worker AND j.token_number >= v_known.first_claim FOR UPDATE
            ) j
        )
        UPDATE "longshore".running j SET lease_until = v_until FROM held h
        WHERE j.id = ANY (ARRAY[h.id]) AND j.worker = p_worker AND j.token_number >= v_known.first_claim
        RETURNING j.id, j.token_number, j.token_bits, j.queue, j.kind, j.payload, j.attempt, j.max_attempts, j.crashes, j.timeout_ms,
                  NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean;
        RETURN;
    END IF;
    IF p_note THEN
        PERFORM "longshore".note_workers(p_queues, p_kinds, v_now);
    END IF;
    FOREACH v_queue IN ARRAY p_queues LOOP
        SELECT (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1) AS due,
               EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1) AS suspects,
               EXISTS (SELECT 1 FROM "longshore".waiting j WHERE j.deadline <= v_now) AS late,
               q.paused_since IS NOT NULL AND coalesce(q.paused_until > v_now, true) AS paused, q.paused_until
        INTO v_look FROM (SELECT) one LEFT JOIN "longshore".queue q ON q.name = v_queue;
        IF v_look.due <= v_now THEN
            WITH due AS MATERIALIZED (
                SELECT j.id FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue AND j.run_at <= v_now
                ORDER BY j.run_at LIMIT 500 FOR UPDATE SKIP LOCKED
            ), promoted AS (
                UPDATE "longshore".waiting j SET state = 1, version = j.version + 1 FROM due d WHERE j.id = ANY (ARRAY[d.id]) RETURNING 1
            )
            INSERT INTO "longshore".count_change (queue, scheduled, ready)
            SELECT v_queue, -count(*), count(*) FROM promoted HAVING count(*) > 0;
            v_stirred := FOUND OR v_stirred;
            v_look.suspects := v_look.suspects OR FOUND; -- perhaps; it is asked more closely below
            v_look.due := (SELECT j.run_at FROM "longshore".waiting j WHERE j.state = 0 AND j.queue = v_queue ORDER BY j.run_at LIMIT 1);
        END IF;
        v_next_due := least(v_next_due, v_look.due);
        IF v_look.paused THEN
            v_next_due := least(v_next_due, v_look.paused_until);
            CONTINUE;
        END IF;
        v_alone := v_look.suspects AND EXISTS (
            SELECT 1 FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                SELECT 1 FROM "longshore".waiting j WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = 1 AND j.kind = k.kind LIMIT 1
            ) suspect);
        v_waits := v_waits OR v_alone;
        v_alone := v_alone AND p_idle AND v_taken = 0;
        LOOP
            v_want := CASE WHEN v_solo THEN 0 WHEN v_alone THEN least(p_limit, 1) ELSE p_limit - v_taken END;
            EXIT WHEN v_want <= 0;
            IF cardinality(p_kinds) = 1 THEN
                v_kinds := p_kinds;
                v_counts := ARRAY[v_want];
            ELSE
                -- How many of the best are of which kind: no more than these are locked below, so that others miss none.
                SELECT array_agg(best.kind), array_agg(best.n) INTO v_kinds, v_counts
                FROM (SELECT c.kind, count(*) AS n
                      FROM (SELECT j.* FROM unnest(p_kinds) AS k (kind) CROSS JOIN LATERAL (
                                SELECT j.kind, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                                WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                                ORDER BY j.rank, j.run_at, j.seq LIMIT v_want) j
                            ORDER BY j.rank, j.run_at, j.seq LIMIT v_want) c
                      GROUP BY c.kind) best;
            END IF;
            v_first := coalesce(v_first, nextval('"longshore".claim_number'));
            RETURN QUERY
            WITH picked AS MATERIALIZED (
                SELECT best.place, nextval('"longshore".claim_number') AS number
                FROM (SELECT j.* FROM unnest(v_kinds, v_counts) AS k (kind, n) CROSS JOIN LATERAL (
                          SELECT j.ctid AS place, j.rank, j.run_at, j.seq FROM "longshore".waiting j
                          WHERE j.state = 1 AND j.queue = v_queue AND j.crashes / 2 = v_alone::integer AND j.kind = k.kind
                          ORDER BY j.rank, j.run_at, j.seq LIMIT k.n FOR UPDATE SKIP LOCKED) j
                      ORDER BY j.rank, j.run_at, j.seq) best
            ), left_waiting AS (
                DELETE FROM "longshore".waiting j USING picked p
                WHERE j.ctid = p.place AND (j.deadline IS NULL OR j.deadline > v_now) RETURNING j.*, p.number
            ), taken AS (
                INSERT INTO "longshore".running (
                    seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits,
                    token_number, token_bits, lease_until, timeout_ms, interruptions, rank, attempt, max_attempts, crashes, id, worker,
                    queue, kind, payload, key, tags, alias, unique_key, reuse_key, failures)
                SELECT j.seq, j.run_at, j.created_at, j.version + 1, j.deadline, j.unique_scope, j.reuse_ms, v_now, j.settled_number,
                       j.settled_bits, j.number, p_bits, v_until, j.timeout_ms, j.interruptions, j.rank, least(j.attempt + 1, 32767),
                       j.max_attempts, j.crashes, j.id, p_worker, j.queue, j.kind, j.payload, j.key, j.tags, j.alias, j.unique_key,
                       j.reuse_key, j.failures
                FROM left_waiting j
                RETURNING id, token_number, token_bits, queue, kind, payload, attempt, max_attempts, crashes, timeout_ms, unique_scope,
                          unique_key
            ), freed AS (
                DELETE FROM "longshore".unique_key u USING taken t
                WHERE t.unique_scope = 0 AND u.queue = ANY (ARRAY[t.queue]) AND u.key = ANY (ARRAY[t.unique_key]) AND u.job = t.id
            ), counted AS (
                INSERT INTO "longshore".count_change (queue, ready, running)
                SELECT v_queue, -count(*), count(*) FROM taken HAVING count(*) > 0
            )
            SELECT t.id, t.token_number, t.token_bits, t.queue, t.kind, t.payload, t.attempt, t.max_attempts, t.crashes, t.timeout_ms,
                   NULL::boolean, NULL::bigint, NULL::boolean, NULL::boolean
            FROM taken t;
            GET DIAGNOSTICS v_got = ROW_COUNT;
            v_taken := v_taken + v_got;
            v_solo := v_alone AND v_got > 0;
            CONTINUE WHEN v_solo; -- to the end of the loop
            IF v_got < v_want AND v_look.late THEN
                v_buried := "longshore".bury_late_first(v_queue, v_alone::integer, p_kinds, 500, v_now, p_keep_dead);
                v_stirred := v_stirred OR v_buried > 0;
                v_late := v_late + v_buried;
                IF v_late >= 500 THEN
                    v_next_due := v_now; -- enough for one call; look again at once
                    EXIT;
                END IF;
                CONTINUE WHEN v_buried > 0;
            END IF;
            EXIT WHEN NOT v_alone AND (v_got = 0 OR cardinality(p_kinds) = 1);
            v_alone := false;
        END LOOP;
    END LOOP;
    IF v_taken > 0 THEN
        INSERT INTO "longshore".worker AS w (id, nonce, first_claim, released, seen) VALUES (p_worker, p_nonce, v_first, false, v_now)
        ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, first_claim = excluded.first_claim, seen = excluded.seen;
    END IF;
    next_due := CASE WHEN v_next_due IS NOT NULL THEN greatest(v_next_due - v_now, 0) END;
    alone_waits := v_waits;
    stirred := v_stirred;
    RETURN NEXT;
END $$;
--
-- Name: clock(); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.clock() RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT floor(date_part('epoch', clock_timestamp()) * 1000)::bigint $$;
--
-- Name: dusty(); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.dusty() RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT bool_or(s.n_dead_tup > greatest(20000, s.n_live_tup / 10) AND pg_has_role(c.relowner, 'USAGE')) -- others may not
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.relid = ANY (ARRAY['"longshore".waiting'::regclass, '"longshore".running'::regclass]));
END $$;
--
-- Name: find(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.find(p_alias text) RETURNS uuid
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
        (SELECT j.id, j.seq FROM "longshore".live j WHERE j.alias = p_alias ORDER BY j.seq DESC LIMIT 1)
        UNION ALL
        (SELECT h.id, h.seq FROM "longshore".history h WHERE h.alias = p_alias ORDER BY h.seq DESC LIMIT 1)
    ) f ORDER BY f.seq DESC LIMIT 1);
END $$;
--
-- Name: get(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.get(p_ids uuid[]) RETURNS TABLE(place bigint, job longshore.snapshot)
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
    RETURN QUERY SELECT a.place, ROW(s.*)::"longshore".snapshot FROM unnest(p_ids) WITH ORDINALITY AS a (id, place)
    CROSS JOIN LATERAL (SELECT * FROM "longshore".snapshot s WHERE s.id = a.id LIMIT 1) s;
END $$;
--
-- Name: happen(uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.happen(p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_events smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_now bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS TABLE(place integer, state smallint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
    -- Locked first, in one order for all; what follows reads rows that stand still.
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
                    ELSE "longshore".with_failure(j.failures, a.message, p_now, j.attempt, j.worker) END AS to_failures
        FROM unnest(p_ids, p_numbers, p_bits, p_events, p_delays, p_messages, p_whys, p_progresses) WITH ORDINALITY
             AS a (id, number, bits, event, delay, message, why, said, place)
        CROSS JOIN LATERAL (
            SELECT * FROM "longshore".live j
            WHERE j.id = a.id AND (a.number IS NULL OR (j.token_number = a.number AND j.token_bits = a.bits)) LIMIT 1
        ) j
        CROSS JOIN LATERAL (
            -- One that cannot come back as it is must not keep the others from it.
            SELECT CASE WHEN broken THEN 4::smallint ELSE s.to_state END AS to_state, s.to_attempt, s.to_crashes, s.to_interruptions,
                   s.to_cancel_asked, s.wait, CASE WHEN broken THEN 'corrupt' ELSE s.reason END AS reason
            FROM "longshore".step(
                j.state, j.attempt, j.max_attempts, j.crashes, j.interruptions, j.cancel_asked, a.event, a.delay, a.why
            ) s CROSS JOIN LATERAL (SELECT j.state = 2 AND s.to_state < 2 AND NOT "longshore".is_sound(ROW(j.*)::"longshore".live) AS broken) b
        ) n
    ), stayed_waiting AS (
        UPDATE "longshore".waiting j
        SET state = m.to_state, attempt = m.to_attempt, crashes = m.to_crashes, interruptions = m.to_interruptions,
            run_at = coalesce(p_now + m.wait, j.run_at), version = j.version + 1, failures = m.to_failures
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
            seq, run_at, created_at, version, deadline, unique_scope, reuse_ms, started_at, settled_number, settled_bits, timeout_ms,
            interruptions, state, rank, attempt, max_attempts, crashes, id, worker, queue, kind, payload, key, tags, alias, unique_key,
            reuse_key, progress, failures)
        SELECT seq, coalesce(p_now + wait, run_at), created_at, version + 1, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), timeout_ms, to_interruptions, to_state, rank, to_attempt,
               max_attempts, to_crashes, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, to_progress,
               to_failures
        FROM moving WHERE state = 2 AND to_state < 2
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, timeout_ms, interruptions, state, rank, attempt, max_attempts, crashes, cancel_asked, id, worker, queue, kind,
            payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason)
        SELECT seq, run_at, created_at, least(version, 1000000000000000) + 1, p_now,
               p_now + CASE WHEN to_state = 4 THEN p_keep_dead ELSE p_keep_finished END, deadline, unique_scope, reuse_ms, started_at,
               coalesce(number, settled_number), coalesce(bits, settled_bits), timeout_ms, to_interruptions, to_state, rank, to_attempt,
               max_attempts, to_crashes, cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key,
               to_progress, to_failures, reason
        FROM moving WHERE to_state > 2
    ), freed AS ( -- a key that is locked is being taken over, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING moving m CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = m.queue AND k.key = m.unique_key AND k.job = m.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE m.to_state > 2 AND m.unique_key IS NOT NULL AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, scheduled, ready, running, succeeded, dead, cancelled)
        SELECT queue, sum((to_state = 0)::int - (state = 0)::int), sum((to_state = 1)::int - (state = 1)::int),
               sum((to_state = 2)::int - (state = 2)::int), 0, sum((to_state = 4)::int), sum((to_state = 5)::int)
        FROM moving WHERE state <> to_state GROUP BY queue
    )
    SELECT m.place::integer, m.to_state FROM moving m;
END $$;
--
-- Name: held_by(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.held_by(p_worker uuid) RETURNS uuid[]
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- OFFSET 0: else a walk through all rows in order of id looks as good as the index of leases.
    RETURN ARRAY(SELECT its.id FROM (SELECT j.id FROM "longshore".running j WHERE j.worker = p_worker OFFSET 0) its ORDER BY its.id);
END $$;
--
-- Name: in_ms(interval); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.in_ms(i interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT floor(date_part('epoch', i) * 1000)::bigint $$;
--
-- Name: is_known(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.is_known(p_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM "longshore".live WHERE id = p_id) OR EXISTS (SELECT 1 FROM "longshore".history WHERE id = p_id);
END $$;
--
-- Name: is_sound(longshore.live); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.is_sound(j longshore.live) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(
        j.seq IS NOT NULL AND j.run_at IS NOT NULL AND j.created_at IS NOT NULL AND j.kind IS NOT NULL
        AND j.version BETWEEN 1 AND 999999999999999 AND coalesce(j.unique_scope BETWEEN 0 AND 1000000000000000, true)
        AND coalesce(j.reuse_ms BETWEEN 0 AND 1000000000000000, true) AND j.timeout_ms BETWEEN 1 AND 86400000
        AND j.interruptions >= 0 AND j.rank BETWEEN -100 AND 100 AND j.attempt >= 0 AND j.max_attempts BETWEEN 1 AND 1000
        AND j.crashes BETWEEN 0 AND 2 AND octet_length(j.payload) <= 262144
        AND coalesce(jsonb_typeof(j.failures) = 'array', true), false)
$$;
--
-- Name: keep_artifact(uuid, bigint, bytea); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.keep_artifact(p_job uuid, p_claim bigint, p_body bytea) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    INSERT INTO "longshore".artifact (job, claim, body) VALUES (p_job, p_claim, p_body)
    ON CONFLICT (job, claim) DO UPDATE SET body = excluded.body;
END $$;
--
-- Name: list(bigint, integer, text, text, smallint, text, text, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.list(p_end bigint, p_limit integer, p_queue text, p_kind text, p_state smallint, p_tag text, p_key text, p_scan integer) RETURNS TABLE(seq bigint, next bigint)
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
             WHERE j.seq < p_end AND coalesce(p_state < 2, true) ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT j.seq, j.queue, j.kind, 2::smallint, j.tags, j.key FROM "longshore".running j
             WHERE j.seq < p_end AND coalesce(p_state = 2, true) ORDER BY j.seq DESC LIMIT v_scan + 1)
            UNION ALL
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM "longshore".history h
             WHERE h.seq < p_end AND coalesce(p_state > 2 AND p_state <> 4, true) ORDER BY h.seq DESC LIMIT v_scan + 1)
            UNION ALL -- the few that are dead, by an index of their own
            (SELECT h.seq, h.queue, h.kind, h.state, h.tags, h.key FROM "longshore".history h
             WHERE h.state = 4 AND h.seq < p_end AND p_state = 4 ORDER BY h.seq DESC LIMIT v_scan + 1)
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
-- Name: lose(uuid[], uuid, bigint[], boolean, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.lose(p_ids uuid[], p_worker uuid, p_leases bigint[], p_crashed boolean, p_now bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_ids uuid[];
BEGIN
    -- Looked at again under the lock: who renewed, settled or released meanwhile was faster.
    v_ids := ARRAY(
        SELECT j.id FROM unnest(p_ids) AS a (id) CROSS JOIN LATERAL (
            SELECT j.id FROM "longshore".running j
            WHERE j.id = a.id AND (p_worker IS NULL OR j.worker = p_worker)
              AND (p_leases IS NULL OR j.lease_until <= p_leases[1] OR j.lease_until > p_leases[2])
            FOR UPDATE
        ) j);
    RETURN (SELECT count(*) FROM "longshore".happen(
        v_ids, NULL, NULL, array_fill(CASE WHEN p_crashed THEN 7 ELSE 6 END::smallint, ARRAY[cardinality(v_ids)]), NULL,
        CASE WHEN p_crashed THEN array_fill('the worker process died, or could not renew its lease'::text, ARRAY[cardinality(v_ids)]) END,
        NULL, NULL, p_now, p_keep_finished, p_keep_dead));
END $$;
--
-- Name: new_id(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.new_id(queue text) RETURNS uuid
    LANGUAGE sql
    AS $$
    SELECT (lpad(to_hex("longshore".clock()), 12, '0') || '8' || lpad(to_hex(tag >> 4), 3, '0')
            || to_hex(128 + 4 * (tag & 15) + (('x' || substr(random, 18, 1))::bit(4)::integer & 3)) || substr(random, 19, 14))::uuid
    FROM "longshore".queue_tag(queue) AS tag, replace(gen_random_uuid()::text, '-', '') AS random
$$;
--
-- Name: note_workers(text[], text[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.note_workers(p_queues text[], p_kinds text[], p_now bigint) RETURNS void
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
-- Name: old_artifacts(bigint, uuid, bigint, integer); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.old_artifacts(p_age bigint, p_job uuid, p_claim bigint, p_limit integer) RETURNS TABLE(job uuid, claim bigint)
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
    RETURN QUERY
    SELECT a.job, a.claim FROM "longshore".artifact a
    WHERE (a.job, a.claim) > (coalesce(p_job, '00000000-0000-0000-0000-000000000000'), coalesce(p_claim, -1))
      AND a.made_at <= clock_timestamp() - p_age * interval '1 millisecond'
    ORDER BY a.job, a.claim LIMIT p_limit;
END $$;
--
-- Name: oldest_ready(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.oldest_ready(p_queue text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    v_oldest bigint;
    v_next   record;
    v_alone  integer := -1;
    v_kind   text := '';
    v_rank   smallint := 0;
BEGIN
    LOOP
        SELECT j.crashes / 2 AS alone, j.kind, j.rank, j.run_at INTO v_next FROM "longshore".waiting j
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
--
-- Name: pause(text, bigint, bigint, text, text, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.pause(p_queue text, p_delay bigint, p_moment bigint, p_reason text, p_by text, p_shift bigint, OUT since bigint, OUT until bigint) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    since := "longshore".clock() + p_shift;
    until := coalesce(p_moment, since + p_delay);
    INSERT INTO "longshore".queue (name, paused_since, paused_until, paused_reason, paused_by)
    VALUES (p_queue, since, until, p_reason, p_by)
    ON CONFLICT (name) DO UPDATE
    SET paused_since = excluded.paused_since, paused_until = excluded.paused_until, paused_reason = excluded.paused_reason,
        paused_by = excluded.paused_by;
END $$;
--
-- Name: prune(integer, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.prune(p_limit integer, p_shift bigint) RETURNS TABLE(job uuid, artifact bigint)
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
    v_now bigint := "longshore".clock() + p_shift;
BEGIN
    RETURN QUERY
    WITH old AS MATERIALIZED (
        SELECT h.id FROM "longshore".history h WHERE h.keep_until <= v_now ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM "longshore".history h USING old o WHERE h.id = ANY (ARRAY[o.id]) RETURNING h.*
    ), freed AS ( -- a key that is locked is being taken over, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING gone g CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = g.queue AND k.key = g.unique_key AND k.job = g.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE g.unique_key IS NOT NULL AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), logs AS (
        DELETE FROM "longshore".log l USING gone g WHERE l.job = ANY (ARRAY[g.id])
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, succeeded, dead, cancelled)
        SELECT g.queue, -sum((g.state = 3)::int), -sum((g.state = 4)::int), -sum((g.state = 5)::int) FROM gone g GROUP BY g.queue
    )
    SELECT g.id, g.artifact FROM gone g;
END $$;
--
-- Name: push(text, text, text, integer, timestamp with time zone, interval, integer, interval, timestamp with time zone, text, text, text, text, interval, text, text[], text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push(kind text, payload text DEFAULT '{}'::text, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, delay interval DEFAULT NULL::interval, max_attempts integer DEFAULT 20, timeout interval DEFAULT '00:30:00'::interval, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, key text DEFAULT NULL::text, unique_key text DEFAULT NULL::text, unique_scope text DEFAULT 'finished'::text, reuse_key text DEFAULT NULL::text, reuse_within interval DEFAULT NULL::interval, alias text DEFAULT NULL::text, tags text[] DEFAULT '{}'::text[], idempotency_key text DEFAULT NULL::text, OUT id uuid, OUT answer text) RETURNS record
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
    v_timeout     bigint := "longshore".in_ms(timeout);
    v_within      bigint := "longshore".in_ms(reuse_within);
    v_scope       bigint;
    v_fingerprint bytea;
    v_other       record;
    v_label       record;
BEGIN
    PERFORM "longshore".check_name('kind', kind), "longshore".check_name('queue', queue);
    PERFORM "longshore".check_payload(payload);
    FOR v_label IN
        SELECT * FROM (VALUES ('key', key), ('unique_key', unique_key), ('reuse_key', reuse_key), ('alias', alias),
                              ('idempotency_key', idempotency_key)) AS l (name, value)
        UNION ALL SELECT 'tag', coalesce(t, '') FROM unnest(tags) AS t
    LOOP
        IF octet_length(v_label.value) NOT BETWEEN 1 AND 200 OR v_label.value ~ '[\u0001-\u001f\u007f-\u009f]' THEN
            PERFORM "longshore".refuse(format('%s %L is not 1 to 200 bytes without control characters', v_label.name, left(v_label.value, 200)));
        END IF;
    END LOOP;
    IF cardinality(tags) > 16 THEN
        PERFORM "longshore".refuse(format('%s tags are more than 16', cardinality(tags)));
    ELSIF coalesce(priority NOT BETWEEN -100 AND 100, true) THEN
        PERFORM "longshore".refuse(format('priority %s is not within -100 and 100', priority));
    ELSIF coalesce(max_attempts NOT BETWEEN 1 AND 1000, true) THEN
        PERFORM "longshore".refuse(format('%s attempts are not within 1 and 1000', max_attempts));
    ELSIF coalesce(v_timeout NOT BETWEEN 1 AND 86400000, true) THEN
        PERFORM "longshore".refuse(format('a timeout of %s is not within 1 ms and 24 hours', timeout));
    ELSIF run_at IS NOT NULL AND delay IS NOT NULL THEN
        PERFORM "longshore".refuse('both run_at and delay say when the job is due', 'say one of them');
    ELSIF NOT isfinite(run_at) OR NOT isfinite(deadline) THEN
        PERFORM "longshore".refuse('run_at and deadline are moments, not infinity');
    ELSIF (reuse_key IS NULL) <> (reuse_within IS NULL) THEN
        PERFORM "longshore".refuse('reuse_key and reuse_within come together');
    END IF;
    v_delay := coalesce("longshore".in_ms(delay), 0);
    IF v_delay NOT BETWEEN 0 AND v_ahead THEN
        PERFORM "longshore".refuse(format('a delay of %s is not within zero and five years', delay));
    ELSIF v_within NOT BETWEEN 0 AND v_ahead THEN
        PERFORM "longshore".refuse(format('a reuse_within of %s is not within zero and five years', reuse_within));
    END IF;
    IF unique_key IS NOT NULL THEN
        v_scope := CASE unique_scope WHEN 'started' THEN 0 WHEN 'finished' THEN 1 ELSE 2 + "longshore".in_ms(unique_scope::interval) END;
        IF coalesce(v_scope NOT BETWEEN 0 AND v_ahead + 2, true) OR (v_scope < 2 AND unique_scope NOT IN ('started', 'finished')) THEN
            PERFORM "longshore".refuse(format('unique_scope %L is not within zero and five years', unique_scope),
                                     'say `started`, `finished`, or a period such as `1 hour`');
        END IF;
    END IF;
    IF idempotency_key IS NOT NULL THEN
        v_fingerprint := sha256(convert_to(jsonb_build_array(
            kind, payload, priority, run_at, delay, max_attempts, timeout, deadline, key, unique_key, unique_scope, reuse_key,
            reuse_within, alias, tags)::text, 'UTF8'));
    END IF;
    id := "longshore".new_id(queue);
    answer := 'created';
    SELECT * INTO v_other FROM "longshore".push_batch(
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
-- Name: push_batch(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint, boolean, boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_batch(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint, p_fresh boolean, p_within boolean) RETURNS TABLE(place integer, instead smallint, other uuid)
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
    v_now      bigint := "longshore".clock() + p_shift;
    v_stood    boolean[] := '{}';  -- for which of them another job stands
    v_inserted uuid[];
    v_known    uuid[] := '{}';
    v_answer   record;
    v_new      record;
BEGIN
    IF NOT p_fresh AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- In an older snapshot a job that has finished meanwhile would be pushed once more.
        RAISE EXCEPTION 'longshore: jobs with ids of their own are pushed in READ COMMITTED transactions only'
            USING ERRCODE = 'feature_not_supported', HINT = 'begin the transaction with ISOLATION LEVEL READ COMMITTED';
    END IF;
    IF cardinality(p_unique_keys) > 0 OR cardinality(p_reuse_keys) > 0 OR cardinality(p_idempotency_keys) > 0 THEN
        v_stood := array_fill(false, ARRAY[cardinality(p_ids)]);
        -- In one order for all, so that batches with the same keys wait for each other instead of dead-locking.
        FOR v_new IN
            SELECT * FROM unnest(p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys,
                                 p_fingerprints) WITH ORDINALITY
                          AS n (id, queue, unique_key, unique_scope, reuse_key, reuse_ms, idempotency_key, fingerprint, place)
            WHERE n.unique_key IS NOT NULL OR n.reuse_key IS NOT NULL OR n.idempotency_key IS NOT NULL
            ORDER BY n.queue, n.unique_key, CASE WHEN n.unique_key IS NULL THEN n.idempotency_key END, n.place
        LOOP
            SELECT * INTO v_answer FROM "longshore".stand_back(
                v_new.id, v_new.queue, v_new.unique_key, v_new.unique_scope, v_new.reuse_key, v_new.reuse_ms, v_new.idempotency_key,
                v_new.fingerprint, v_now);
            IF v_answer.other IS NOT NULL THEN
                v_stood[v_new.place] := true;
                IF v_answer.instead <> 0 OR v_answer.other <> v_new.id THEN
                    place := v_new.place;
                    instead := v_answer.instead;
                    other := v_answer.other;
                    RETURN NEXT;
                END IF;
            END IF;
        END LOOP;
    END IF;
    IF p_within THEN
        v_known := ARRAY(SELECT "longshore".begun(p_ids));
    END IF;
    WITH inserted AS ( -- in order of id, as all rows are locked, but numbered in the order of the batch
        INSERT INTO "longshore".waiting (
            seq, id, queue, kind, payload, rank, state, run_at, created_at, max_attempts, timeout_ms, deadline, key, tags, alias,
            unique_key, unique_scope, reuse_key, reuse_ms)
        SELECT n.seq, n.id, n.queue, n.kind, n.payload, coalesce(n.rank, 0), (n.due <= v_now)::integer, greatest(n.due, v_now), v_now,
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
        RETURNING id, queue, state
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, scheduled, ready)
        SELECT queue, sum((state = 0)::int), sum((state = 1)::int) FROM inserted GROUP BY queue
    )
    SELECT array_agg(id) INTO v_inserted FROM inserted;
    -- Asked after the insert: a job that was claimed or ended while it waited for that is seen by now.
    IF NOT p_fresh THEN
        v_known := ARRAY(SELECT "longshore".begun(v_inserted));
        IF p_within AND v_known <> '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'LS001';
        ELSIF v_known <> '{}' THEN
            WITH undone AS (
                DELETE FROM "longshore".waiting j USING unnest(v_known) AS f (id) WHERE j.id = ANY (ARRAY[f.id])
                RETURNING j.queue, j.state
            )
            INSERT INTO "longshore".count_change (queue, scheduled, ready)
            SELECT queue, -sum((state = 0)::int), -sum((state = 1)::int) FROM undone GROUP BY queue;
        END IF;
    END IF;
END $$;
--
-- Name: push_batch_bare(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint, boolean, boolean); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_batch_bare(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint, p_fresh boolean, p_within boolean) RETURNS TABLE(place integer, instead smallint, other uuid)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_now      bigint := "longshore".clock() + p_shift;
    v_stood    boolean[] := '{}';  -- for which of them another job stands
    v_inserted uuid[];
    v_known    uuid[] := '{}';
    v_answer   record;
    v_new      record;
BEGIN
    IF NOT p_fresh AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- In an older snapshot a job that has finished meanwhile would be pushed once more.
        RAISE EXCEPTION 'longshore: jobs with ids of their own are pushed in READ COMMITTED transactions only'
            USING ERRCODE = 'feature_not_supported', HINT = 'begin the transaction with ISOLATION LEVEL READ COMMITTED';
    END IF;
    IF cardinality(p_unique_keys) > 0 OR cardinality(p_reuse_keys) > 0 OR cardinality(p_idempotency_keys) > 0 THEN
        v_stood := array_fill(false, ARRAY[cardinality(p_ids)]);
        -- In one order for all, so that batches with the same keys wait for each other instead of dead-locking.
        FOR v_new IN
            SELECT * FROM unnest(p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys,
                                 p_fingerprints) WITH ORDINALITY
                          AS n (id, queue, unique_key, unique_scope, reuse_key, reuse_ms, idempotency_key, fingerprint, place)
            WHERE n.unique_key IS NOT NULL OR n.reuse_key IS NOT NULL OR n.idempotency_key IS NOT NULL
            ORDER BY n.queue, n.unique_key, CASE WHEN n.unique_key IS NULL THEN n.idempotency_key END, n.place
        LOOP
            SELECT * INTO v_answer FROM "longshore".stand_back(
                v_new.id, v_new.queue, v_new.unique_key, v_new.unique_scope, v_new.reuse_key, v_new.reuse_ms, v_new.idempotency_key,
                v_new.fingerprint, v_now);
            IF v_answer.other IS NOT NULL THEN
                v_stood[v_new.place] := true;
                IF v_answer.instead <> 0 OR v_answer.other <> v_new.id THEN
                    place := v_new.place;
                    instead := v_answer.instead;
                    other := v_answer.other;
                    RETURN NEXT;
                END IF;
            END IF;
        END LOOP;
    END IF;
    IF p_within THEN
        v_known := ARRAY(SELECT "longshore".begun(p_ids));
    END IF;
    WITH inserted AS ( -- in order of id, as all rows are locked, but numbered in the order of the batch
        INSERT INTO "longshore".waiting (
            seq, id, queue, kind, payload, rank, state, run_at, created_at, max_attempts, timeout_ms, deadline, key, tags, alias,
            unique_key, unique_scope, reuse_key, reuse_ms)
        SELECT n.seq, n.id, n.queue, n.kind, n.payload, coalesce(n.rank, 0), (n.due <= v_now)::integer, greatest(n.due, v_now), v_now,
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
        RETURNING id, queue, state
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, scheduled, ready)
        SELECT queue, sum((state = 0)::int), sum((state = 1)::int) FROM inserted GROUP BY queue
    )
    SELECT array_agg(id) INTO v_inserted FROM inserted;
    -- Asked after the insert: a job that was claimed or ended while it waited for that is seen by now.
    IF NOT p_fresh THEN
        v_known := ARRAY(SELECT "longshore".begun(v_inserted));
        IF p_within AND v_known <> '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'LS001';
        ELSIF v_known <> '{}' THEN
            WITH undone AS (
                DELETE FROM "longshore".waiting j USING unnest(v_known) AS f (id) WHERE j.id = ANY (ARRAY[f.id])
                RETURNING j.queue, j.state
            )
            INSERT INTO "longshore".count_change (queue, scheduled, ready)
            SELECT queue, -sum((state = 0)::int), -sum((state = 1)::int) FROM undone GROUP BY queue;
        END IF;
    END IF;
END $$;
--
-- Name: push_within(uuid[], text[], text[], text[], smallint[], bigint[], bigint[], smallint[], integer[], bigint[], bigint[], text[], text[], text[], text[], bigint[], text[], bigint[], text[], bytea[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.push_within(p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[], p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[], p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[], p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint) RETURNS TABLE(place integer, instead smallint, other uuid)
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
            RETURN QUERY SELECT * FROM "longshore".push_batch(
                p_ids, p_queues, p_kinds, p_payloads, p_ranks, p_delays, p_moments, p_max_attempts, p_timeouts,
                p_deadlines_in, p_deadlines, p_keys, p_tags, p_aliases, p_unique_keys, p_unique_scopes, p_reuse_keys,
                p_reuse_ms, p_idempotency_keys, p_fingerprints, p_shift, false, true);
            RETURN;
        EXCEPTION WHEN SQLSTATE 'LS001' THEN
            NULL; -- once more; by now it is known
        END;
    END LOOP;
END $$;
--
-- Name: queue_tag(text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.queue_tag(queue text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT get_byte(h, 0) * 256 + get_byte(h, 1) FROM sha256(convert_to(queue, 'UTF8')) AS h $$;
--
-- Name: queues(bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.queues(p_shift bigint) RETURNS TABLE(name text, scheduled bigint, ready bigint, running bigint, succeeded bigint, dead bigint, cancelled bigint, oldest_ready bigint, paused_since bigint, paused_until bigint, paused_reason text, paused_by text)
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
    v_now bigint := "longshore".clock() + p_shift;
BEGIN
    RETURN QUERY
    SELECT c.name, sum(c.scheduled)::bigint, sum(c.ready)::bigint, sum(c.running)::bigint, sum(c.succeeded)::bigint,
           sum(c.dead)::bigint, sum(c.cancelled)::bigint, v_now - "longshore".oldest_ready(c.name), p.paused_since, p.paused_until,
           p.paused_reason, p.paused_by
    FROM (
        SELECT queue AS name, scheduled, ready, running, succeeded, dead, cancelled FROM "longshore".count_change
        UNION ALL SELECT name, scheduled, ready, running, succeeded, dead, cancelled FROM "longshore".queue
    ) c
    LEFT JOIN "longshore".queue p
        ON p.name = c.name AND p.paused_since IS NOT NULL AND coalesce(p.paused_until > v_now, true)
    GROUP BY c.name, p.paused_since, p.paused_until, p.paused_reason, p.paused_by
    ORDER BY c.name;
END $$;
--
-- Name: read_log(uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.read_log(p_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT l.text FROM "longshore".log l WHERE l.job = p_id), '') FROM "longshore".snapshot s WHERE s.id = p_id);
END $$;
--
-- Name: refuse(text, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.refuse(what text, hint text DEFAULT 'see the bounds of "longshore".push in the docs'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'longshore: %', what USING ERRCODE = 'invalid_parameter_value', HINT = hint; END $$;
--
-- Name: release_worker(uuid, bigint, boolean, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.release_worker(p_worker uuid, p_lock bigint, p_crashed boolean, p_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS bigint
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
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := "longshore".clock() + p_shift;
    INSERT INTO "longshore".worker (id, nonce, first_claim, released, seen) VALUES (p_worker, 0, 0, true, v_now)
    ON CONFLICT (id) DO UPDATE SET released = true, seen = excluded.seen;
    RETURN "longshore".lose(
        "longshore".held_by(p_worker), p_worker, NULL, p_crashed, v_now, p_keep_finished, p_keep_dead);
END $$;
--
-- Name: renew(uuid[], bigint[], bigint[], bigint[], text[], bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.renew(p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_leases bigint[], p_progresses text[], p_lease_shift bigint) RETURNS TABLE(place integer, cancel_asked boolean)
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
    v_clock bigint := "longshore".clock() + p_lease_shift;
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
-- Name: rescue(integer, bigint, bigint, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.rescue(p_limit integer, p_good_until bigint, p_longest bigint, p_shift bigint, p_lease_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_clock bigint := "longshore".clock();
    v_lease bigint := v_clock + p_lease_shift;
    v_lost  uuid[];
BEGIN
    IF v_clock > p_good_until THEN RETURN NULL; END IF;
    v_lost := ARRAY(
        SELECT l.id FROM (
            (SELECT j.id FROM "longshore".running j WHERE j.lease_until <= v_lease ORDER BY j.lease_until LIMIT p_limit)
            UNION ALL
            (SELECT j.id FROM "longshore".running j WHERE j.lease_until > v_lease + p_longest LIMIT p_limit)
            LIMIT p_limit
        ) l ORDER BY l.id);
    RETURN "longshore".lose(v_lost, NULL, ARRAY[v_lease, v_lease + p_longest], true, v_clock + p_shift, p_keep_finished, p_keep_dead);
END $$;
--
-- Name: resume(text, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.resume(p_queue text, p_shift bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_until bigint;
BEGIN
    SELECT coalesce(q.paused_until, 9223372036854775807) INTO v_until FROM "longshore".queue q
    WHERE q.name = p_queue AND q.paused_since IS NOT NULL FOR UPDATE;
    UPDATE "longshore".queue SET paused_since = NULL, paused_until = NULL, paused_reason = NULL, paused_by = NULL
    WHERE name = p_queue AND paused_since IS NOT NULL;
    RETURN coalesce(v_until > "longshore".clock() + p_shift, false);
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
-- Name: settle(integer, uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], text[], bytea[], bigint[], bigint[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.settle(p_certain integer, p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_outcomes smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_result_types text[], p_results bytea[], p_artifacts bigint[], p_artifact_bytes bigint[], p_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS SETOF integer
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
    v_now   bigint := "longshore".clock() + p_shift;
    v_ended integer[];
    v_moved integer[];
BEGIN
    -- What these do hangs on no fact of the job: one pass.
    WITH ended AS (
        DELETE FROM "longshore".running j
        USING unnest(p_ids, p_numbers, p_bits, p_outcomes, p_messages, p_whys, p_progresses, p_result_types, p_results, p_artifacts,
                     p_artifact_bytes) WITH ORDINALITY
              AS a (id, number, bits, outcome, message, why, said, result_type, result, artifact, artifact_bytes, place)
        WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits AND a.place <= p_certain
        RETURNING j.*, a.outcome, a.message, a.why, a.said, a.result_type, a.result, a.artifact, a.artifact_bytes, a.place
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, artifact, artifact_bytes, timeout_ms, interruptions, state, rank, attempt, max_attempts, crashes,
            cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason,
            result_type, result)
        SELECT e.seq, e.run_at, e.created_at, least(e.version, 1000000000000000) + 1, v_now,
               CASE e.outcome
                   WHEN 4 THEN v_now + p_keep_dead
                   WHEN 5 THEN v_now + p_keep_finished
                   -- A key held for a period is held by the row, which must therefore stay as long; other ends give it back.
                   ELSE greatest(v_now + p_keep_finished, CASE WHEN e.reuse_ms <= 1000000000000000 THEN v_now + e.reuse_ms END, CASE WHEN e.unique_scope >= 2 THEN (
                       SELECT u.until FROM "longshore".unique_key u WHERE u.queue = e.queue AND u.key = e.unique_key AND u.job = e.id) END)
               END,
               e.deadline, e.unique_scope, e.reuse_ms, e.started_at, e.token_number, e.token_bits, e.artifact, e.artifact_bytes,
               e.timeout_ms, e.interruptions, CASE e.outcome WHEN 0 THEN 3 ELSE e.outcome END, e.rank, e.attempt, e.max_attempts,
               e.crashes, e.cancel_asked, e.id, e.worker, e.queue, e.kind, e.payload, e.key, e.tags, e.alias, e.unique_key, e.reuse_key,
               coalesce(e.said, e.progress), CASE WHEN e.message IS NULL THEN e.failures ELSE "longshore".with_failure(
                   e.failures, e.message, v_now, e.attempt, e.worker) END, e.why, e.result_type, e.result
        FROM ended e
    ), freed AS ( -- a key that is locked is being taken over, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING ended e CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = e.queue AND k.key = e.unique_key AND k.job = e.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE e.unique_key IS NOT NULL AND (e.outcome <> 0 OR e.unique_scope < 2) AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, running, succeeded, dead, cancelled)
        SELECT e.queue, -count(*), sum((e.outcome = 0)::int), sum((e.outcome = 4)::int), sum((e.outcome = 5)::int)
        FROM ended e GROUP BY e.queue
    )
    SELECT array_agg(e.place) INTO v_ended FROM ended e;
    IF cardinality(v_ended) = cardinality(p_ids) THEN
        RETURN;
    END IF;
    IF p_certain < cardinality(p_ids) THEN
        SELECT array_agg(p_certain + h.place) INTO v_moved FROM "longshore".happen(
            p_ids[p_certain + 1:], p_numbers[p_certain + 1:], p_bits[p_certain + 1:], p_outcomes[p_certain + 1:],
            p_delays[p_certain + 1:], p_messages[p_certain + 1:], p_whys[p_certain + 1:], p_progresses[p_certain + 1:],
            v_now, p_keep_finished, p_keep_dead) h;
    END IF;
    -- A settle that was accepted before is done.
    RETURN QUERY
    SELECT a.place::integer FROM unnest(p_ids, p_numbers, p_bits) WITH ORDINALITY AS a (id, number, bits, place)
    WHERE a.place <> ALL (coalesce(v_ended, '{}')) AND a.place <> ALL (coalesce(v_moved, '{}'))
      AND (SELECT true FROM "longshore".live j WHERE j.id = a.id AND j.settled_number = a.number AND j.settled_bits = a.bits) IS NULL
      AND (SELECT true FROM "longshore".history h WHERE h.id = a.id AND h.settled_number = a.number AND h.settled_bits = a.bits) IS NULL;
END $$;
--
-- Name: settle_bare(integer, uuid[], bigint[], bigint[], smallint[], bigint[], text[], text[], text[], text[], bytea[], bigint[], bigint[], bigint, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.settle_bare(p_certain integer, p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_outcomes smallint[], p_delays bigint[], p_messages text[], p_whys text[], p_progresses text[], p_result_types text[], p_results bytea[], p_artifacts bigint[], p_artifact_bytes bigint[], p_shift bigint, p_keep_finished bigint, p_keep_dead bigint) RETURNS SETOF integer
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_now   bigint := "longshore".clock() + p_shift;
    v_ended integer[];
    v_moved integer[];
BEGIN
    -- What these do hangs on no fact of the job: one pass.
    WITH ended AS (
        DELETE FROM "longshore".running j
        USING unnest(p_ids, p_numbers, p_bits, p_outcomes, p_messages, p_whys, p_progresses, p_result_types, p_results, p_artifacts,
                     p_artifact_bytes) WITH ORDINALITY
              AS a (id, number, bits, outcome, message, why, said, result_type, result, artifact, artifact_bytes, place)
        WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits AND a.place <= p_certain
        RETURNING j.*, a.outcome, a.message, a.why, a.said, a.result_type, a.result, a.artifact, a.artifact_bytes, a.place
    ), kept AS (
        INSERT INTO "longshore".history (
            seq, run_at, created_at, version, finished_at, keep_until, deadline, unique_scope, reuse_ms, started_at, settled_number,
            settled_bits, artifact, artifact_bytes, timeout_ms, interruptions, state, rank, attempt, max_attempts, crashes,
            cancel_asked, id, worker, queue, kind, payload, key, tags, alias, unique_key, reuse_key, progress, failures, reason,
            result_type, result)
        SELECT e.seq, e.run_at, e.created_at, least(e.version, 1000000000000000) + 1, v_now,
               CASE e.outcome
                   WHEN 4 THEN v_now + p_keep_dead
                   WHEN 5 THEN v_now + p_keep_finished
                   -- A key held for a period is held by the row, which must therefore stay as long; other ends give it back.
                   ELSE greatest(v_now + p_keep_finished, CASE WHEN e.reuse_ms <= 1000000000000000 THEN v_now + e.reuse_ms END, CASE WHEN e.unique_scope >= 2 THEN (
                       SELECT u.until FROM "longshore".unique_key u WHERE u.queue = e.queue AND u.key = e.unique_key AND u.job = e.id) END)
               END,
               e.deadline, e.unique_scope, e.reuse_ms, e.started_at, e.token_number, e.token_bits, e.artifact, e.artifact_bytes,
               e.timeout_ms, e.interruptions, CASE e.outcome WHEN 0 THEN 3 ELSE e.outcome END, e.rank, e.attempt, e.max_attempts,
               e.crashes, e.cancel_asked, e.id, e.worker, e.queue, e.kind, e.payload, e.key, e.tags, e.alias, e.unique_key, e.reuse_key,
               coalesce(e.said, e.progress), CASE WHEN e.message IS NULL THEN e.failures ELSE "longshore".with_failure(
                   e.failures, e.message, v_now, e.attempt, e.worker) END, e.why, e.result_type, e.result
        FROM ended e
    ), freed AS ( -- a key that is locked is being taken over, because its period has passed
        DELETE FROM "longshore".unique_key u
        USING ended e CROSS JOIN LATERAL (
            SELECT k.queue, k.key FROM "longshore".unique_key k
            WHERE k.queue = e.queue AND k.key = e.unique_key AND k.job = e.id FOR UPDATE SKIP LOCKED
        ) held
        WHERE e.unique_key IS NOT NULL AND (e.outcome <> 0 OR e.unique_scope < 2) AND u.queue = ANY (ARRAY[held.queue]) AND u.key = ANY (ARRAY[held.key])
    ), counted AS (
        INSERT INTO "longshore".count_change (queue, running, succeeded, dead, cancelled)
        SELECT e.queue, -count(*), sum((e.outcome = 0)::int), sum((e.outcome = 4)::int), sum((e.outcome = 5)::int)
        FROM ended e GROUP BY e.queue
    )
    SELECT array_agg(e.place) INTO v_ended FROM ended e;
    IF cardinality(v_ended) = cardinality(p_ids) THEN
        RETURN;
    END IF;
    IF p_certain < cardinality(p_ids) THEN
        SELECT array_agg(p_certain + h.place) INTO v_moved FROM "longshore".happen(
            p_ids[p_certain + 1:], p_numbers[p_certain + 1:], p_bits[p_certain + 1:], p_outcomes[p_certain + 1:],
            p_delays[p_certain + 1:], p_messages[p_certain + 1:], p_whys[p_certain + 1:], p_progresses[p_certain + 1:],
            v_now, p_keep_finished, p_keep_dead) h;
    END IF;
    -- A settle that was accepted before is done.
    RETURN QUERY
    SELECT a.place::integer FROM unnest(p_ids, p_numbers, p_bits) WITH ORDINALITY AS a (id, number, bits, place)
    WHERE a.place <> ALL (coalesce(v_ended, '{}')) AND a.place <> ALL (coalesce(v_moved, '{}'))
      AND (SELECT true FROM "longshore".live j WHERE j.id = a.id AND j.settled_number = a.number AND j.settled_bits = a.bits) IS NULL
      AND (SELECT true FROM "longshore".history h WHERE h.id = a.id AND h.settled_number = a.number AND h.settled_bits = a.bits) IS NULL;
END $$;
--
-- Name: stand_back(uuid, text, text, bigint, text, bigint, text, bytea, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.stand_back(p_id uuid, p_queue text, p_unique_key text, p_unique_scope bigint, p_reuse_key text, p_reuse_ms bigint, p_idempotency_key text, p_fingerprint bytea, p_now bigint, OUT other uuid, OUT instead smallint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_asked   boolean := false;     -- nobody has asked with this idempotency key: the answer is to be kept
    v_earlier "longshore".idempotency;
    v_key     record;
BEGIN
    WHILE p_idempotency_key IS NOT NULL LOOP
        INSERT INTO "longshore".idempotency (queue, key, fingerprint, job, instead, until)
        VALUES (p_queue, p_idempotency_key, p_fingerprint, p_id, 0, p_now + 86400000) ON CONFLICT DO NOTHING;
        v_asked := FOUND;
        EXIT WHEN v_asked;
        UPDATE "longshore".idempotency a SET fingerprint = p_fingerprint, job = p_id, instead = 0, until = p_now + 86400000
        WHERE a.queue = p_queue AND a.key = p_idempotency_key AND a.until <= p_now AND NOT "longshore".is_known(a.job);
        v_asked := FOUND;
        EXIT WHEN v_asked;
        SELECT * INTO v_earlier FROM "longshore".idempotency a WHERE a.queue = p_queue AND a.key = p_idempotency_key;
        EXIT WHEN FOUND;
    END LOOP;
    -- Whoever waited above for an earlier push of the same job sees it now; so it is again after taking the unique key.
    IF "longshore".is_known(p_id) THEN
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
            SELECT * INTO v_key FROM "longshore".take_key(p_queue, p_unique_key, p_id, p_unique_scope, p_now);
            IF NOT v_key.taken THEN
                other := v_key.holder;
                instead := CASE WHEN other = p_id THEN 0 ELSE 1 END;
            ELSIF "longshore".is_known(p_id) THEN
                DELETE FROM "longshore".unique_key WHERE queue = p_queue AND key = p_unique_key;
                other := p_id;
                instead := 0;
            END IF;
        END IF;
    END IF;
    IF v_asked AND other = p_id AND "longshore".is_known(p_id) THEN
        DELETE FROM "longshore".idempotency WHERE queue = p_queue AND key = p_idempotency_key;
    ELSIF v_asked AND other IS NOT NULL THEN
        UPDATE "longshore".idempotency a SET job = other, instead = stand_back.instead WHERE a.queue = p_queue AND a.key = p_idempotency_key;
    END IF;
END $$;
--
-- Name: status(uuid[]); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.status(p_ids uuid[]) RETURNS TABLE(place bigint, state smallint, attempt smallint, max_attempts smallint, progress text, reason text, message text, version bigint)
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
        FROM "longshore".snapshot s WHERE s.id = a.id LIMIT 1
    ) s;
END $$;
--
-- Name: step(smallint, smallint, smallint, smallint, integer, boolean, smallint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.step(state smallint, attempt smallint, max_attempts smallint, crashes smallint, interruptions integer, cancel_asked boolean, event smallint, delay bigint, why text) RETURNS TABLE(to_state smallint, to_attempt smallint, to_crashes smallint, to_interruptions integer, to_cancel_asked boolean, wait bigint, reason text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT m.next::smallint,
           CASE
               WHEN event = 9 THEN least(attempt + 1, 32767)
               WHEN state > 2 THEN 0
               WHEN m.called_off THEN attempt
               WHEN event IN (2, 3, 6, 7) THEN greatest(attempt - 1, 0)
               ELSE attempt
           END::smallint,
           CASE WHEN state > 2 THEN 0 WHEN event = 7 AND NOT m.called_off THEN crashes + 1 ELSE crashes END::smallint,
           interruptions + (event IN (2, 3, 6) AND NOT m.called_off AND interruptions < 2147483647)::integer,
           CASE WHEN state > 2 THEN false WHEN event = 10 AND state = 2 THEN true ELSE cancel_asked END,
           CASE
               WHEN m.next > 2 THEN NULL
               WHEN event IN (1, 2) THEN delay
               WHEN event = 7 AND m.next = 0 THEN 30000
               WHEN event = 11 THEN 0
           END::bigint,
           CASE
               WHEN m.next <> 4 THEN NULL
               WHEN event = 1 THEN 'exhausted'
               WHEN event = 7 THEN 'crashed'
               ELSE why
           END
    FROM (SELECT c.called_off, CASE
              WHEN c.called_off THEN 5
              WHEN state = 2 AND event = 0 THEN 3
              WHEN state = 2 AND event = 4 THEN 4
              WHEN state = 2 AND event = 5 THEN 5
              WHEN state = 2 AND event = 1 AND attempt >= max_attempts THEN 4
              WHEN state = 2 AND event IN (1, 2) THEN CASE WHEN delay = 0 THEN 1 ELSE 0 END
              WHEN state = 2 AND event IN (3, 6) THEN 1
              WHEN state = 2 AND event = 7 THEN CASE WHEN crashes >= 2 THEN 4 WHEN crashes = 0 THEN 1 ELSE 0 END
              WHEN state = 0 AND event = 8 THEN 1
              WHEN state = 1 AND event = 9 THEN 2
              WHEN state < 2 AND event = 10 THEN 5
              WHEN state = 2 AND event = 10 THEN 2
              WHEN state IN (0, 4, 5) AND event = 11 THEN 1
              WHEN state <= 2 AND event = 12 THEN 4
          END AS next
          FROM (SELECT state = 2 AND cancel_asked AND event IN (1, 2, 3, 6, 7) AS called_off) c) m
    WHERE m.next IS NOT NULL
$$;
--
-- Name: take_key(text, text, uuid, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.take_key(p_queue text, p_key text, p_job uuid, p_scope bigint, p_now bigint, OUT holder uuid, OUT taken boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_until bigint := CASE WHEN p_scope >= 2 THEN p_now + p_scope - 2 END;
    v_held  "longshore".unique_key;
BEGIN
    LOOP
        holder := p_job;
        taken := true;
        INSERT INTO "longshore".unique_key (queue, key, job, until) VALUES (p_queue, p_key, p_job, v_until) ON CONFLICT DO NOTHING;
        IF FOUND THEN RETURN; END IF;
        SELECT * INTO v_held FROM "longshore".unique_key WHERE queue = p_queue AND key = p_key;
        IF FOUND AND (v_held.until IS NULL OR v_held.until > p_now) THEN
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
-- Name: tidy(integer, bigint, bigint); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.tidy(p_limit integer, p_lock bigint, p_shift bigint, OUT more boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_now  bigint := "longshore".clock() + p_shift;
    v_rows bigint;
    v_over "longshore".idempotency[];
BEGIN
    more := false;
    IF pg_try_advisory_xact_lock(p_lock) THEN
        WITH gone AS (
            DELETE FROM "longshore".count_change c WHERE c.ctid = ANY (ARRAY(SELECT c.ctid FROM "longshore".count_change c LIMIT 20000))
            RETURNING c.*
        ), sums AS (
            SELECT queue, sum(scheduled) AS scheduled, sum(ready) AS ready, sum(running) AS running, sum(succeeded) AS succeeded,
                   sum(dead) AS dead, sum(cancelled) AS cancelled, count(*) AS changes
            FROM gone GROUP BY queue
        ), folded AS (
            INSERT INTO "longshore".queue AS q (name, scheduled, ready, running, succeeded, dead, cancelled)
            SELECT queue, scheduled, ready, running, succeeded, dead, cancelled FROM sums ORDER BY queue
            ON CONFLICT (name) DO UPDATE
            SET scheduled = q.scheduled + excluded.scheduled, ready = q.ready + excluded.ready, running = q.running + excluded.running,
                succeeded = q.succeeded + excluded.succeeded, dead = q.dead + excluded.dead,
                cancelled = q.cancelled + excluded.cancelled
        )
        SELECT coalesce(sum(changes), 0) >= 20000 INTO more FROM sums;
    END IF;
    DELETE FROM "longshore".worker w WHERE w.id = ANY (ARRAY(
        SELECT w.id FROM "longshore".worker w
        WHERE w.seen < v_now - 86400000 AND NOT EXISTS (SELECT 1 FROM "longshore".running j WHERE j.worker = w.id)
        LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    more := more OR v_rows >= p_limit;
    v_over := ARRAY(
        SELECT a FROM "longshore".idempotency a WHERE a.until <= v_now ORDER BY a.until LIMIT p_limit FOR UPDATE SKIP LOCKED);
    DELETE FROM "longshore".idempotency a USING unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND NOT "longshore".is_known(o.job);
    UPDATE "longshore".idempotency a SET until = v_now + 3600000 FROM unnest(v_over) AS o
    WHERE a.queue = ANY (ARRAY[o.queue]) AND a.key = ANY (ARRAY[o.key]) AND "longshore".is_known(o.job);
    more := more OR cardinality(v_over) >= p_limit;
END $$;
--
-- Name: with_failure(jsonb, text, bigint, smallint, uuid); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.with_failure(failures jsonb, message text, at bigint, attempt smallint, worker uuid) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE
               WHEN jsonb_typeof(failures) IS DISTINCT FROM 'array' THEN '[]' -- or somebody has put something else there
               WHEN jsonb_array_length(failures) >= 20 THEN failures - 0
               ELSE failures
           END
           || jsonb_build_array(jsonb_build_object('at', at, 'attempt', attempt, 'worker', worker, 'message', message))
$$;
--
-- Name: write_log(uuid, bigint, bigint, text); Type: FUNCTION; Schema: longshore; Owner: -
--
CREATE FUNCTION longshore.write_log(p_id uuid, p_number bigint, p_bits bigint, p_text text) RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    INSERT INTO "longshore".log (job, text)
    SELECT j.id, p_text FROM (
        SELECT id FROM "longshore".running WHERE id = p_id AND token_number = p_number AND token_bits = p_bits FOR SHARE
    ) j
    ON CONFLICT (job) DO UPDATE SET text = excluded.text;
    RETURN FOUND;
END $$;
--
-- Name: artifact; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.artifact (
    job uuid NOT NULL,
    claim bigint NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY longshore.artifact ALTER COLUMN body SET STORAGE EXTERNAL;
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
    cancelled bigint DEFAULT 0 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
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
-- Name: jobs; Type: VIEW; Schema: longshore; Owner: -
--
CREATE VIEW longshore.jobs AS
 SELECT snapshot.id,
    snapshot.queue,
    snapshot.kind,
    (ARRAY['scheduled'::text, 'ready'::text, 'running'::text, 'succeeded'::text, 'dead'::text, 'cancelled'::text])[(snapshot.state + 1)] AS state,
    snapshot.reason,
    (- snapshot.rank) AS priority,
    snapshot.attempt,
    snapshot.max_attempts,
    snapshot.crashes,
    snapshot.interruptions,
    snapshot.cancel_asked,
    to_timestamp((((snapshot.created_at)::numeric / 1000.0))::double precision) AS created_at,
    to_timestamp((((snapshot.run_at)::numeric / 1000.0))::double precision) AS run_at,
    to_timestamp((((snapshot.started_at)::numeric / 1000.0))::double precision) AS started_at,
    to_timestamp((((snapshot.finished_at)::numeric / 1000.0))::double precision) AS finished_at,
    to_timestamp((((snapshot.deadline)::numeric / 1000.0))::double precision) AS deadline,
    make_interval(secs => (((snapshot.timeout_ms)::numeric / 1000.0))::double precision) AS timeout,
    snapshot.key,
    snapshot.unique_key,
    snapshot.reuse_key,
    snapshot.alias,
    snapshot.tags,
    snapshot.payload,
    snapshot.progress,
    snapshot.failures,
    snapshot.result_type,
        CASE
            WHEN (octet_length(snapshot.result) <= 65536) THEN encode(snapshot.result, 'escape'::text)
            ELSE NULL::text
        END AS result
   FROM longshore.snapshot;
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
    text text NOT NULL
);
--
-- Name: migration; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.migration (
    version integer NOT NULL,
    program text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--
-- Name: queue; Type: TABLE; Schema: longshore; Owner: -
--
CREATE TABLE longshore.queue (
    name text NOT NULL COLLATE pg_catalog."C",
    workers_since bigint DEFAULT 0 NOT NULL,
    workers_seen bigint DEFAULT 0 NOT NULL,
    paused_since bigint,
    paused_until bigint,
    paused_reason text,
    paused_by text,
    scheduled bigint DEFAULT 0 NOT NULL,
    ready bigint DEFAULT 0 NOT NULL,
    running bigint DEFAULT 0 NOT NULL,
    succeeded bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL
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
-- Data for Name: count_change; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.count_change VALUES ('default', 1, 0, -1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, 0, -4, 3, 1, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, 1, -1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, -1, 1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, 1, -1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, -1, 1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, 0, -1, 0, 1, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, 1, 0, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('default', 0, -1, 1, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('mail', 0, 1, 0, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('mail', 0, 1, 0, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('mail', 0, 1, 0, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('bulk', 0, 1, 0, 0, 0, 0);
INSERT INTO longshore.count_change VALUES ('bulk', 1, 0, 0, 0, 0, 0);
--
-- Data for Name: history; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.history VALUES (1, 1795878679303, 1795878679303, 5, 1795878689855, 1795965089855, NULL, NULL, NULL, 1795878679336, NULL, NULL, NULL, NULL, 1800000, 0, 5, 0, 0, 20, 1, false, '01a222b5-f306-837a-a182-4d684feda1bc', 'fc5d6905-e5af-073e-879a-ba2d23ed52e1', 'default', 'sleeps', '{}', NULL, '["crashed"]', NULL, NULL, NULL, '{"done":2,"total":3,"message":"asleep"}', '[{"at": 1795878689763, "worker": "fc5d6905-e5af-073e-879a-ba2d23ed52e1", "attempt": 1, "message": "the worker process died, or could not renew its lease"}]', NULL, NULL, NULL);
INSERT INTO longshore.history VALUES (2, 1795878689859, 1795878689859, 3, 1795878689950, 1795965089950, NULL, NULL, NULL, 1795878689900, 4, 2752422493500075903, NULL, NULL, 1800000, 0, 3, 0, 1, 20, 0, false, '01a222b6-1c43-837a-a23a-5569a44d8152', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'fine', '{"n": 1}', NULL, '["one", "two"]', 'an alias', NULL, NULL, NULL, NULL, NULL, 'text/plain; charset=utf-8', '\x646f6e65');
INSERT INTO longshore.history VALUES (3, 1795878689863, 1795878689863, 3, 1795878689950, 1795965089950, NULL, NULL, 86400000, 1795878689900, 5, 2752422493500075903, 5, 100000, 1800000, 0, 3, 0, 1, 20, 0, false, '01a222b6-1c47-837a-a149-49cbbf76de5f', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'large', '{}', NULL, NULL, NULL, NULL, 'made before', NULL, NULL, NULL, 'text/plain; charset=utf-8', NULL);
INSERT INTO longshore.history VALUES (4, 1795878689865, 1795878689865, 3, 1795878689950, 1796483489950, NULL, 1, NULL, 1795878689900, 6, 2752422493500075903, NULL, NULL, 1800000, 0, 4, 0, 1, 20, 0, false, '01a222b6-1c49-837a-a177-eefa23f7873e', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'fatal', '{}', NULL, NULL, NULL, 'given back', NULL, NULL, '[{"at": 1795878689950, "worker": "260bb96e-5d37-e333-6373-6a0b9dab8851", "attempt": 1, "message": "exit code 65 (fatal): makes no sense"}]', 'fatal', NULL, NULL);
INSERT INTO longshore.history VALUES (6, 1795878689870, 1795878689870, 3, 1795878689950, 1795965089950, NULL, 3600002, NULL, 1795878689900, 8, 2752422493500075903, NULL, NULL, 1800000, 0, 3, 0, 1, 20, 0, false, '01a222b6-1c4d-837a-a305-26911a940738', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'fine', '{}', NULL, NULL, NULL, 'for a while', NULL, NULL, NULL, NULL, 'text/plain; charset=utf-8', '\x646f6e65');
INSERT INTO longshore.history VALUES (5, 1795878689963, 1795878689868, 7, 1795878689969, 1796483489969, NULL, NULL, NULL, 1795878689965, 14, 2911705940924018908, NULL, NULL, 1800000, 0, 4, 0, 3, 3, 0, false, '01a222b6-1c4b-837a-a392-30a264b9927f', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'fails', '{}', NULL, '["two"]', NULL, NULL, NULL, NULL, '[{"at": 1795878689950, "worker": "260bb96e-5d37-e333-6373-6a0b9dab8851", "attempt": 1, "message": "exit code 1: cannot be done"}, {"at": 1795878689963, "worker": "260bb96e-5d37-e333-6373-6a0b9dab8851", "attempt": 2, "message": "exit code 1: cannot be done"}, {"at": 1795878689969, "worker": "260bb96e-5d37-e333-6373-6a0b9dab8851", "attempt": 3, "message": "exit code 1: cannot be done"}]', 'exhausted', NULL, NULL);
--
-- Data for Name: idempotency; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.idempotency VALUES ('default', '7403d65420b2ffe7804212491a26b0ce1d61dce689468167430c815124170fbb', '\x77340661442a7f37da6e5a1feb9035ec0a3398e1dc07656122b65d62a1479983', '01a222b6-1c43-837a-a23a-5569a44d8152', 0, 1795965089859);
INSERT INTO longshore.idempotency VALUES ('bulk', 'd434f7462e4374cc59cc01af3dbce58a567a8673ca6459e8845c4c52c9e7fb21', '\x5747877fbd582a6e94c8e5cf146db6a74417d1f338a5cc585c0ec237b67b2a68', '01a222b6-24fd-8bf8-8dd4-4e6e8f6215fd', 0, 1795965092094);
--
-- Data for Name: kind; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.kind VALUES ('fails', 1795878689900);
INSERT INTO longshore.kind VALUES ('fatal', 1795878689900);
INSERT INTO longshore.kind VALUES ('fine', 1795878689900);
INSERT INTO longshore.kind VALUES ('image', 1795878689900);
INSERT INTO longshore.kind VALUES ('large', 1795878689900);
INSERT INTO longshore.kind VALUES ('later', 1795878689900);
INSERT INTO longshore.kind VALUES ('sleeps', 1795878689900);
--
-- Data for Name: log; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.log VALUES ('01a222b6-1c49-837a-a177-eefa23f7873e', 'makes no sense
');
INSERT INTO longshore.log VALUES ('01a222b6-1c43-837a-a23a-5569a44d8152', 'some words
');
INSERT INTO longshore.log VALUES ('01a222b6-1c4d-837a-a305-26911a940738', 'some words
');
INSERT INTO longshore.log VALUES ('01a222b6-1c4b-837a-a392-30a264b9927f', 'cannot be done
');
INSERT INTO longshore.log VALUES ('01a222b6-1cd0-837a-a13b-4019b03923e7', 'a dream
');
--
-- Data for Name: migration; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.migration VALUES (1, '0.1.0', '2026-11-28 15:11:19.268127+00');
--
-- Data for Name: queue; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.queue VALUES ('default', 1795878679336, 1795878689900, NULL, NULL, NULL, NULL, 0, 0, 6, 0, 0, 1);
INSERT INTO longshore.queue VALUES ('mail', 0, 0, 1795878692097, NULL, 'it is "down"', 'ada', 0, 0, 0, 0, 0, 0);
INSERT INTO longshore.queue VALUES ('bulk', 0, 0, 1795878692100, 1795882292100, NULL, NULL, 0, 0, 0, 0, 0, 0);
--
-- Data for Name: running; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.running VALUES (8, 1795878690000, 1795878690000, 3, NULL, NULL, NULL, 1795878690003, NULL, NULL, 16, 4976085942047749665, 1795878720007, 1800000, 0, 0, 1, 20, 0, false, '01a222b6-1cd0-837a-a13b-4019b03923e7', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'sleeps', '{}', 'a tenant', '["runs"]', NULL, NULL, NULL, '{"done":2,"total":3,"message":"asleep"}', NULL);
--
-- Data for Name: unique_key; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.unique_key VALUES ('default', 'for a while', '01a222b6-1c4d-837a-a305-26911a940738', 1795882289870);
INSERT INTO longshore.unique_key VALUES ('default', 'held', '01a222b6-1c50-837a-a384-a81481ae118a', NULL);
INSERT INTO longshore.unique_key VALUES ('mail', 'waits', '01a222b6-24f8-800d-a2d8-d70a808ee4d1', NULL);
--
-- Data for Name: waiting; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.waiting VALUES (7, 1795885889935, 1795878689872, 4, NULL, 1, NULL, 1795878689900, 9, 2752422493500075903, 1800000, 0, 0, 0, 1, 20, 0, '01a222b6-1c50-837a-a384-a81481ae118a', '260bb96e-5d37-e333-6373-6a0b9dab8851', 'default', 'later', '{}', 'a tenant', NULL, NULL, 'held', NULL, '{"done":1,"total":3,"message":"begun"}', '[{"at": 1795878689935, "worker": "260bb96e-5d37-e333-6373-6a0b9dab8851", "attempt": 1, "message": "exit code 75 (try again)"}]');
INSERT INTO longshore.waiting VALUES (9, 1795878692084, 1795878692084, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1800000, 0, 1, -7, 0, 20, 0, '01a222b6-24f3-800d-a244-f8b25294fa3d', NULL, 'mail', 'fine', '{"text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u00fc"}', NULL, '["large", "ü"]', NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (10, 1795878692087, 1795878692087, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1800000, 0, 1, 0, 0, 20, 0, '01a222b6-24f6-800d-a0a7-2a57918f98d3', NULL, 'mail', 'fine', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (11, 1795878692089, 1795878692089, 1, NULL, 0, NULL, NULL, NULL, NULL, 1800000, 0, 1, 0, 0, 20, 0, '01a222b6-24f8-800d-a2d8-d70a808ee4d1', NULL, 'mail', 'fine', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', NULL, NULL, NULL, 'waits', NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (12, 1795878692092, 1795878692092, 1, 4070908800000, NULL, NULL, NULL, NULL, NULL, 5000, 0, 1, 0, 0, 7, 0, '01a222b6-24fb-8bf8-8fd0-6726261f92ef', NULL, 'bulk', 'fine', '{}', 'a tenant', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO longshore.waiting VALUES (13, 1795965092094, 1795878692094, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1800000, 0, 0, 0, 0, 20, 0, '01a222b6-24fd-8bf8-8dd4-4e6e8f6215fd', NULL, 'bulk', 'fine', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
--
-- Data for Name: worker; Type: TABLE DATA; Schema: longshore; Owner: -
--
INSERT INTO longshore.worker VALUES ('fc5d6905-e5af-073e-879a-ba2d23ed52e1', -1390814286992684574, 1, false, 1795878679336);
INSERT INTO longshore.worker VALUES ('260bb96e-5d37-e333-6373-6a0b9dab8851', 844318877272076977, 15, false, 1795878690003);
--
-- Name: claim_number; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.claim_number', 24, true);
--
-- Name: push_number; Type: SEQUENCE SET; Schema: longshore; Owner: -
--
SELECT pg_catalog.setval('longshore.push_number', 13, true);
--
-- Name: artifact artifact_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.artifact
    ADD CONSTRAINT artifact_pkey PRIMARY KEY (job, claim);
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
-- Name: kind kind_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.kind
    ADD CONSTRAINT kind_pkey PRIMARY KEY (name);
--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (job);
--
-- Name: migration migration_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
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
-- Name: waiting waiting_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (id);
--
-- Name: worker worker_pkey; Type: CONSTRAINT; Schema: longshore; Owner: -
--
ALTER TABLE ONLY longshore.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);
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
-- PostgreSQL database dump complete
--

-- From version 1 to 2. The tables stay and are extended; functions and views are created again afterwards.

LOCK TABLE longshore.waiting, longshore.running, longshore.history, longshore.queue, longshore.worker IN ACCESS EXCLUSIVE MODE;

-- Programs of version 1 do not know the new layout. They must have ended.
DO $$
DECLARE
    v_clock bigint := floor(date_part('epoch', clock_timestamp()) * 1000);
    v_live  bigint := (SELECT count(*) FROM longshore.running j WHERE j.lease_until > v_clock);
    v_seen  bigint := greatest( -- a time in the far future was written by a wrong clock
        (SELECT max(q.workers_seen) FROM longshore.queue q WHERE q.workers_seen < v_clock + 180000),
        (SELECT max(w.seen) FROM longshore.worker w WHERE w.seen < v_clock + 180000));
BEGIN
    IF v_live > 0 THEN
        RAISE EXCEPTION 'longshore: % job(s) run under a live lease: stop all processes of the older version, then start this one again', v_live
            USING ERRCODE = 'feature_not_supported';
    ELSIF v_seen > v_clock - 180000 THEN
        RAISE EXCEPTION 'longshore: a worker of the older version looked for jobs % s ago: stop all its processes, and start this one again three minutes after that',
            greatest(v_clock - v_seen, 0) / 1000 USING ERRCODE = 'feature_not_supported';
    END IF;
END $$;

SET CONSTRAINTS ALL IMMEDIATE; -- a deferred trigger of the application would block the following statements

-- Drops only what version 1 created: the schema may also contain objects of the application. `push` and `ring` are
-- replaced and keep their grants.
DO $$
DECLARE
    v_schema text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'longshore.waiting'::regclass);
    v_name   text;
BEGIN
    FOREACH v_name IN ARRAY ARRAY[
        'act(uuid,text,bigint,bigint,bigint)',
        'at(bigint)',
        'begun(uuid[])',
        'bury(uuid[],text,bigint,bigint)',
        'bury_late(integer,bigint,bigint)',
        'bury_late_first(text,integer,text[],integer,bigint,bigint)',
        'bury_waiting(integer,text[],bigint,bigint)',
        'check_name(text,text)',
        'check_payload(text)',
        'claim(uuid,bigint,bigint,text[],text[],integer,bigint,boolean,bigint,boolean,bigint,bigint,bigint)',
        'claim_bare(uuid,bigint,bigint,text[],text[],integer,bigint,boolean,bigint,boolean,bigint,bigint,bigint)',
        'clock()',
        'dusty()',
        'find(text)',
        'get(uuid[])',
        'happen(uuid[],bigint[],bigint[],smallint[],bigint[],text[],text[],text[],bigint,bigint,bigint)',
        'held_by(uuid)',
        'in_ms(interval)',
        'is_known(uuid)',
        'is_sound(%1$I.live)',
        'keep_artifact(uuid,bigint,bytea)',
        'list(bigint,integer,text,text,smallint,text,text,integer)',
        'lose(uuid[],uuid,bigint[],boolean,bigint,bigint,bigint)',
        'new_id(text)',
        'note_workers(text[],text[],bigint)',
        'old_artifacts(bigint,uuid,bigint,integer)',
        'oldest_ready(text)',
        'pause(text,bigint,bigint,text,text,bigint)',
        'prune(integer,bigint)',
        'push_batch(uuid[],text[],text[],text[],smallint[],bigint[],bigint[],smallint[],integer[],bigint[],bigint[],text[],text[],text[],text[],bigint[],text[],bigint[],text[],bytea[],bigint,boolean,boolean)',
        'push_batch_bare(uuid[],text[],text[],text[],smallint[],bigint[],bigint[],smallint[],integer[],bigint[],bigint[],text[],text[],text[],text[],bigint[],text[],bigint[],text[],bytea[],bigint,boolean,boolean)',
        'push_within(uuid[],text[],text[],text[],smallint[],bigint[],bigint[],smallint[],integer[],bigint[],bigint[],text[],text[],text[],text[],bigint[],text[],bigint[],text[],bytea[],bigint)',
        'queue_tag(text)',
        'queues(bigint)',
        'read_log(uuid)',
        'refuse(text,text)',
        'release_worker(uuid,bigint,boolean,bigint,bigint,bigint)',
        'renew(uuid[],bigint[],bigint[],bigint[],text[],bigint)',
        'rescue(integer,bigint,bigint,bigint,bigint,bigint,bigint)',
        'resume(text,bigint)',
        'settle(integer,uuid[],bigint[],bigint[],smallint[],bigint[],text[],text[],text[],text[],bytea[],bigint[],bigint[],bigint,bigint,bigint)',
        'settle_bare(integer,uuid[],bigint[],bigint[],smallint[],bigint[],text[],text[],text[],text[],bytea[],bigint[],bigint[],bigint,bigint,bigint)',
        'stand_back(uuid,text,text,bigint,text,bigint,text,bytea,bigint)',
        'status(uuid[])',
        'step(smallint,smallint,smallint,smallint,integer,boolean,smallint,bigint,text)',
        'take_key(text,text,uuid,bigint,bigint)',
        'tidy(integer,bigint,bigint)',
        'with_failure(jsonb,text,bigint,smallint,uuid)',
        'write_log(uuid,bigint,bigint,text)'
    ] LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %1$I.' || v_name, v_schema);
    END LOOP;
    FOREACH v_name IN ARRAY ARRAY['jobs', 'snapshot', 'live'] LOOP
        EXECUTE format('DROP VIEW %I.%I', v_schema, v_name);
    END LOOP;
END $$;

ALTER TABLE longshore.migration ADD COLUMN oldest integer NOT NULL DEFAULT 1;

ALTER TABLE longshore.waiting
    ADD COLUMN outage_since bigint,
    ADD COLUMN granted_timeout_ms integer CHECK (granted_timeout_ms BETWEEN 1 AND 86400000),
    ADD COLUMN granted_attempts smallint CHECK (granted_attempts BETWEEN 1 AND 1000),
    ADD COLUMN outages smallint NOT NULL DEFAULT 0 CHECK (outages >= 0),
    ADD COLUMN turn bigint,
    ALTER COLUMN timeout_ms DROP NOT NULL,
    ALTER COLUMN max_attempts DROP NOT NULL,
    ALTER COLUMN payload DROP NOT NULL;
ALTER TABLE longshore.running
    ADD COLUMN outage_since bigint, ADD COLUMN granted_timeout_ms integer, ADD COLUMN granted_attempts smallint,
    ADD COLUMN outages smallint DEFAULT 0;
ALTER TABLE longshore.running ALTER COLUMN outages DROP DEFAULT;
ALTER TABLE longshore.history
    ADD COLUMN outage_since bigint, ADD COLUMN granted_timeout_ms integer, ADD COLUMN granted_attempts smallint,
    ADD COLUMN outages smallint DEFAULT 0;
ALTER TABLE longshore.history ALTER COLUMN outages DROP DEFAULT;

-- Version 1 stored the defaults, 20 attempts and 30 minutes, for jobs that asked for nothing. Finished jobs are changed
-- only if they may be retried. Payloads stay where they are, so that a job's row is not written again.
UPDATE longshore.waiting SET max_attempts = nullif(max_attempts, 20), timeout_ms = nullif(timeout_ms, 1800000)
WHERE max_attempts = 20 OR timeout_ms = 1800000;
UPDATE longshore.running SET max_attempts = nullif(max_attempts, 20), timeout_ms = nullif(timeout_ms, 1800000)
WHERE max_attempts = 20 OR timeout_ms = 1800000;
UPDATE longshore.history SET max_attempts = nullif(max_attempts, 20), timeout_ms = nullif(timeout_ms, 1800000)
WHERE state > 3 AND (max_attempts = 20 OR timeout_ms = 1800000);

-- Classes: 0 retry, 1 fatal, 3 crash, 4 corrupt. The newest failure is the one that made a job dead.
CREATE FUNCTION longshore.with_classes(p_failures jsonb, p_reason text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_agg(CASE WHEN jsonb_typeof(f.entry) = 'object' THEN f.entry ELSE '{}' END || jsonb_build_object('class', CASE
        WHEN f.entry ->> 'message' = 'the worker process died, or could not renew its lease' THEN 3
        WHEN f.n < jsonb_array_length(p_failures) THEN 0
        WHEN p_reason = 'fatal' THEN 1
        WHEN p_reason = 'corrupt' THEN 4
        ELSE 0 END) ORDER BY f.n)
    FROM jsonb_array_elements(p_failures) WITH ORDINALITY AS f (entry, n)
$$;
UPDATE longshore.waiting SET failures = longshore.with_classes(failures, NULL) WHERE jsonb_array_length(failures) > 0;
UPDATE longshore.running SET failures = longshore.with_classes(failures, NULL)
WHERE CASE WHEN jsonb_typeof(failures) = 'array' THEN jsonb_array_length(failures) > 0 END;
UPDATE longshore.history SET failures = longshore.with_classes(failures, reason)
WHERE CASE WHEN jsonb_typeof(failures) = 'array' THEN jsonb_array_length(failures) > 0 END;
DROP FUNCTION longshore.with_classes(jsonb, text);

-- A pause is a rule now.
ALTER TABLE longshore.queue
    ADD COLUMN rules text, ADD COLUMN rules_version bigint NOT NULL DEFAULT 0, ADD COLUMN rules_level integer NOT NULL DEFAULT 0;
UPDATE longshore.queue
SET rules_version = 1, rules_level = 1,
    rules = jsonb_build_object('pause', jsonb_strip_nulls(jsonb_build_object(
        'since', paused_since, 'until', paused_until, 'reason', paused_reason, 'by', paused_by)))::text
WHERE paused_since IS NOT NULL;
UPDATE longshore.queue SET paused_until = CASE WHEN paused_since IS NULL THEN 0 ELSE coalesce(paused_until, 9223372036854775807) END;
ALTER TABLE longshore.queue
    ALTER COLUMN paused_until SET DEFAULT 0, ALTER COLUMN paused_until SET NOT NULL,
    DROP COLUMN paused_since, DROP COLUMN paused_reason, DROP COLUMN paused_by;
CREATE INDEX queue_rules ON longshore.queue (rules_level) WHERE rules_level > 0;

ALTER TABLE longshore.count_change ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;

-- A log belonged to the newest claim, if the job still has its number.
ALTER TABLE longshore.log ADD COLUMN claim bigint;
UPDATE longshore.log l SET claim = coalesce(
    (SELECT j.token_number FROM longshore.running j WHERE j.id = l.job), (SELECT j.settled_number FROM longshore.waiting j WHERE j.id = l.job),
    (SELECT h.settled_number FROM longshore.history h WHERE h.id = l.job), 0);
ALTER TABLE longshore.log ALTER COLUMN claim SET NOT NULL, DROP CONSTRAINT log_pkey, ADD PRIMARY KEY (job, claim);

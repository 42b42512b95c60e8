-- Pushes one job, for people and programs in any language, inside the open transaction. The job exists when the
-- transaction commits.
--
--     SELECT id, answer FROM longshore.push('email', '{"to": "a@b.example"}', queue => 'mail', delay => '5 minutes');
--
-- In:  kind          selects the handler; 1 to 64 of A-Z a-z 0-9 _ . - like the queue
--      payload       JSON text of at most 256 KiB and 64 levels; of json and jsonb values with `::text`
--      queue         defaults to `default`
--      priority      -100 to 100; higher runs first
--      run_at, delay when it is due, one of them; now, where neither is said
--      max_attempts  1 to 1000; defaults to what the worker grants for the kind, or 20
--      timeout       of one attempt, at most 24 hours; defaults to what the worker grants for the kind, or 30 minutes
--      deadline      the job is not started and not retried after it
--      key           the group within the queue that the job belongs to
--      unique_key    while a job of the queue holds it, a push with the same key answers `existing`
--      unique_scope  how long it is held: `started`, `finished`, or a period such as `1 hour`
--      reuse_key, reuse_within  the result of an equal job that succeeded within this period is reused: `reused`
--      alias         an id of the application for looking up the job
--      tags          at most 16 words for finding the job
--      idempotency_key  gives a repeat of the same push the same answer, for a day and as long as the job exists
-- Out: id      the new job, or the existing job that is used instead
--      answer  `created`; `existing` or `reused`: an existing job is used instead; `conflict`: nothing was pushed, because a
--              different push with that idempotency key created this job
--
-- Workers find the job by polling, at most a few seconds later, or at once if longshore.ring() is called after the
-- commit.
CREATE OR REPLACE FUNCTION longshore.push(
    kind text, payload text DEFAULT '{}', queue text DEFAULT 'default', priority integer DEFAULT 0,
    run_at timestamptz DEFAULT NULL, delay interval DEFAULT NULL, max_attempts integer DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline timestamptz DEFAULT NULL, key text DEFAULT NULL,
    unique_key text DEFAULT NULL, unique_scope text DEFAULT 'finished', reuse_key text DEFAULT NULL,
    reuse_within interval DEFAULT NULL, alias text DEFAULT NULL, tags text[] DEFAULT '{}', idempotency_key text DEFAULT NULL,
    OUT id uuid, OUT answer text
) LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_ahead       bigint := 158112000000; -- five years
    v_delay       bigint;
    v_timeout     bigint := longshore.in_ms(timeout);
    v_within      bigint := longshore.in_ms(reuse_within);
    v_scope       bigint;
    v_fingerprint bytea;
    v_other       record;
    v_label       record;
BEGIN
    PERFORM longshore.check_name('kind', kind), longshore.check_name('queue', queue);
    PERFORM longshore.check_payload(payload);
    FOR v_label IN
        SELECT * FROM (VALUES ('key', key), ('unique_key', unique_key), ('reuse_key', reuse_key), ('alias', alias),
                              ('idempotency_key', idempotency_key)) AS l (name, value)
        UNION ALL SELECT 'tag', coalesce(t, '') FROM unnest(tags) AS t
    LOOP
        IF octet_length(v_label.value) NOT BETWEEN 1 AND 200 OR v_label.value ~ '[\u0001-\u001f\u007f-\u009f]' THEN
            PERFORM longshore.refuse(format('%s %L is not 1 to 200 bytes without control characters', v_label.name, left(v_label.value, 200)));
        END IF;
    END LOOP;
    IF cardinality(tags) > 16 THEN
        PERFORM longshore.refuse(format('%s tags are too many: the limit is 16', cardinality(tags)));
    ELSIF coalesce(priority NOT BETWEEN -100 AND 100, true) THEN
        PERFORM longshore.refuse(format('priority %s is out of range: use -100 to 100', priority));
    ELSIF max_attempts NOT BETWEEN 1 AND 1000 THEN
        PERFORM longshore.refuse(format('%s attempts are out of range: use 1 to 1000', max_attempts));
    ELSIF v_timeout NOT BETWEEN 1 AND 86400000 THEN
        PERFORM longshore.refuse(format('timeout %s is out of range: use 1 ms to 24 hours', timeout));
    ELSIF run_at IS NOT NULL AND delay IS NOT NULL THEN
        PERFORM longshore.refuse('both run_at and delay are set', 'set only one of them');
    ELSIF NOT isfinite(run_at) OR NOT isfinite(deadline) THEN
        PERFORM longshore.refuse('run_at and deadline must be finite');
    ELSIF (reuse_key IS NULL) <> (reuse_within IS NULL) THEN
        PERFORM longshore.refuse('reuse_key and reuse_within must be set together');
    END IF;
    v_delay := coalesce(longshore.in_ms(delay), 0);
    IF v_delay NOT BETWEEN 0 AND v_ahead THEN
        PERFORM longshore.refuse(format('delay %s is out of range: use zero to five years', delay));
    ELSIF v_within NOT BETWEEN 0 AND v_ahead THEN
        PERFORM longshore.refuse(format('reuse_within %s is out of range: use zero to five years', reuse_within));
    END IF;
    IF unique_key IS NOT NULL THEN
        v_scope := CASE unique_scope WHEN 'started' THEN 0 WHEN 'finished' THEN 1 ELSE 2 + longshore.in_ms(unique_scope::interval) END;
        IF coalesce(v_scope NOT BETWEEN 0 AND v_ahead + 2, true) OR (v_scope < 2 AND unique_scope NOT IN ('started', 'finished')) THEN
            PERFORM longshore.refuse(format('unique_scope %L is out of range: use zero to five years', unique_scope),
                                     'say `started`, `finished`, or a period such as `1 hour`');
        END IF;
    END IF;
    IF idempotency_key IS NOT NULL THEN
        -- Uses the limits as version 1 wrote them, so that a repeat is recognised after the upgrade.
        v_fingerprint := sha256(convert_to(jsonb_build_array(
            kind, payload, priority, run_at, delay, coalesce(max_attempts, 20), coalesce(timeout, '30 minutes'), deadline, key, unique_key, unique_scope, reuse_key,
            reuse_within, alias, tags)::text, 'UTF8'));
    END IF;

    id := longshore.new_id(queue);
    answer := 'created';
    SELECT * INTO v_other FROM longshore.push_batch(
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
COMMENT ON FUNCTION longshore.push IS 'Pushes one job of longshore inside the open transaction; see docs';

-- Notifies workers at once. Call it after the commit, never inside the transaction that pushes: a notification takes a
-- lock of the whole database until its transaction ends.
CREATE OR REPLACE FUNCTION longshore.ring() RETURNS void LANGUAGE sql
AS $$
    SELECT pg_notify('longshore:' || n.nspname, 'w')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'longshore.waiting'::regclass
$$;

-- Raises an error for an invalid value.
CREATE FUNCTION longshore.refuse(what text, hint text DEFAULT 'see the limits of longshore.push in the docs') RETURNS void LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'longshore: %', what USING ERRCODE = 'invalid_parameter_value', HINT = hint; END $$;

-- Returns whether a queue or a kind can have that name.
CREATE FUNCTION longshore.is_name(name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(name COLLATE "C" ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$', false)
$$;

-- Refuses an invalid name of a queue or a kind.
CREATE FUNCTION longshore.check_name(what text, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT longshore.is_name(name) THEN
        PERFORM longshore.refuse(format('%s %L is not a valid name', what, left(name, 100)),
                                 'names have 1 to 64 letters, digits, `_`, `.` and `-`, and start with a letter or a digit');
    END IF;
END $$;

-- Refuses an invalid payload. Brackets inside strings do not count as nesting.
CREATE FUNCTION longshore.check_payload(payload text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_brackets text;
    v_depth    integer := 0;
BEGIN
    IF payload IS NULL THEN
        PERFORM longshore.refuse('the payload is NULL', 'a payload is JSON text, such as `{}`');
    ELSIF octet_length(payload) > 262144 THEN
        PERFORM longshore.refuse(format('the payload has %s bytes; the limit is 262144', octet_length(payload)),
                                 'store large data elsewhere and push a reference');
    END IF;
    PERFORM payload::json; -- the cast reports what is wrong, and where
    v_brackets := regexp_replace(payload, '[^][{}"\\]', '', 'g');
    IF length(v_brackets) > 64 THEN
        v_brackets := regexp_replace(regexp_replace(payload, '"([^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g');
        FOR n IN 1..length(v_brackets) LOOP
            v_depth := v_depth + CASE WHEN substr(v_brackets, n, 1) IN ('[', '{') THEN 1 ELSE -1 END;
            IF v_depth > 64 THEN
                PERFORM longshore.refuse('the payload is nested deeper than 64 levels', 'flatten it, or push a reference');
            END IF;
        END LOOP;
    END IF;
END $$;

-- Returns an interval in milliseconds. A month has 30 days.
CREATE FUNCTION longshore.in_ms(i interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT floor(date_part('epoch', i) * 1000)::bigint $$;

-- Returns the 16 bits that all ids of a queue's jobs contain: the first bits of the name's SHA-256.
CREATE FUNCTION longshore.queue_tag(queue text) RETURNS integer LANGUAGE sql IMMUTABLE
AS $$ SELECT get_byte(h, 0) * 256 + get_byte(h, 1) FROM sha256(convert_to(queue, 'UTF8')) AS h $$;

-- Creates a job id for a queue, a UUID of version 8: 48 bits of milliseconds, the queue's tag, 58 random bits.
CREATE FUNCTION longshore.new_id(queue text) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex(longshore.clock()), 12, '0') || '8' || lpad(to_hex(tag >> 4), 3, '0')
            || to_hex(128 + 4 * (tag & 15) + (('x' || substr(random, 18, 1))::bit(4)::integer & 3)) || substr(random, 19, 14))::uuid
    FROM longshore.queue_tag(queue) AS tag, replace(gen_random_uuid()::text, '-', '') AS random
$$;

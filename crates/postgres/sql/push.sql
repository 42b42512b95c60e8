-- Pushes jobs, all or none; see `push` in core/src/store.rs. People and other programs call enqueue.sql instead.
-- In:  one array per column, in the order of the batch; an array without values may be empty: then the jobs ask for no number
--      of attempts and no time-out. `delays` or `moments` say when a job is due, `deadlines_in` or `deadlines` are its
--      deadline. `shift` is how far tests moved the wall clock. `fresh`: these ids cannot have been pushed before. `within`:
--      the caller is push_within.
-- Out: answers that refer to an existing job: the position, why (0: the same request created it before, 1: it holds the unique
--      key, 2: its result is reused, 3: a different request with the same idempotency key created it), and that job
CREATE FUNCTION longshore.push_batch(
    p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[],
    p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[],
    p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[],
    p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint, p_fresh boolean, p_within boolean
) RETURNS TABLE (place integer, instead smallint, other uuid) LANGUAGE plpgsql /* steady, and bare */ AS $$
#variable_conflict use_column
DECLARE
    v_now      bigint := longshore.clock() + p_shift;
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
            SELECT * FROM longshore.resolve_all_keys(
                p_ids, p_queues, p_unique_keys, p_unique_scopes, p_reuse_keys, p_reuse_ms, p_idempotency_keys, p_fingerprints, v_now)
        LOOP
            v_stood[place] := true;
            IF instead <> 0 OR other <> p_ids[place] THEN
                RETURN NEXT;
            END IF;
        END LOOP;
    END IF;

    IF p_within THEN
        v_known := ARRAY(SELECT longshore.started(p_ids));
    END IF;

    WITH inserted AS ( -- sorted by id, the locking order, but numbered in the order of the batch
        INSERT INTO longshore.waiting (
            seq, id, queue, kind, payload, rank, state, run_at, created_at, max_attempts, timeout_ms, deadline, key, tags, alias,
            unique_key, unique_scope, reuse_key, reuse_ms)
        SELECT n.seq, n.id, n.queue, n.kind, CASE WHEN octet_length(n.payload) <= 1024 THEN n.payload END, coalesce(n.rank, 0), (n.due <= v_now)::integer, greatest(n.due, v_now), v_now,
               n.max_attempts, n.timeout_ms, coalesce(v_now + n.deadline_in, n.deadline), n.key, n.tags::jsonb, n.alias,
               n.unique_key, n.unique_scope, n.reuse_key, n.reuse_ms
        FROM (
            SELECT nextval('longshore.push_number') AS seq, *, coalesce(n.moment, v_now + coalesce(n.delay, 0)) AS due
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
        INSERT INTO longshore.job_tag (tag, seq)
        SELECT t.tag, i.seq FROM inserted i CROSS JOIN LATERAL longshore.tags_of(i.tags) AS t (tag)
        ON CONFLICT DO NOTHING
    ), counted AS (
        SELECT longshore.moved(array_agg(g.queue), array_agg(g.kind), array_agg(g.key), array_agg(NULL::smallint), array_agg(g.state),
                               array_agg(g.n)) AS done
        FROM (SELECT queue, kind, key, state, count(*) AS n FROM inserted GROUP BY queue, kind, key, state) g
    )
    SELECT (SELECT array_agg(id) FROM inserted), (SELECT done FROM counted) INTO v_inserted, v_counted;

    -- Checked after the insert: jobs that were claimed or ended while the insert waited are visible now.
    IF NOT p_fresh THEN
        v_known := ARRAY(SELECT longshore.started(v_inserted));
        IF p_within AND v_known <> '{}' THEN
            RAISE EXCEPTION USING ERRCODE = 'LS001';
        ELSIF v_known <> '{}' THEN
            PERFORM longshore.undo_push(v_known);
        END IF;
    END IF;

    -- This must come last: an existing payload may be one that a running deletion removes. No other transaction pushes
    -- or deletes these jobs.
    IF (SELECT max(octet_length(n.text)) FROM unnest(p_payloads) AS n (text)) > 1024 THEN
        PERFORM longshore.keep_payloads(p_ids, p_payloads, v_inserted, v_known);
    END IF;
END $$;

-- Finds the existing jobs that are used instead of new jobs with keys, see resolve_keys, and takes the keys of the
-- others.
-- In:  the jobs, see push_batch; now
-- Out: the jobs that have an existing job or were pushed before: the position, why, and the existing job
CREATE FUNCTION longshore.resolve_all_keys(
    p_ids uuid[], p_queues text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[],
    p_idempotency_keys text[], p_fingerprints bytea[], p_now bigint
) RETURNS TABLE (place integer, instead smallint, other uuid) LANGUAGE plpgsql AS $$
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
        SELECT * INTO v_answer FROM longshore.resolve_keys(
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

-- Deletes jobs that this transaction has pushed, because they had been started before.
CREATE FUNCTION longshore.undo_push(p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_counted boolean;
BEGIN
    WITH undone AS (
        DELETE FROM longshore.waiting j USING unnest(p_ids) AS f (id) WHERE j.id = ANY (ARRAY[f.id])
        RETURNING j.queue, j.kind, j.key, j.state, j.seq, j.tags
    ), its AS MATERIALIZED (
        SELECT t.tag, u.seq FROM undone u CROSS JOIN LATERAL longshore.tags_of(u.tags) AS t (tag)
    ), untagged AS (
        DELETE FROM longshore.job_tag t USING its WHERE t.tag = ANY (ARRAY[its.tag]) AND t.seq = ANY (ARRAY[its.seq])
    )
    SELECT longshore.moved(array_agg(queue), array_agg(kind), array_agg(key), array_agg(state), array_agg(NULL::smallint),
                           array_agg(1::bigint)) INTO v_counted
    FROM undone;
END $$;

-- Stores the large payloads of jobs that were inserted and did not exist before.
CREATE FUNCTION longshore.keep_payloads(p_ids uuid[], p_payloads text[], p_inserted uuid[], p_known uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO longshore.payload (job, text)
    SELECT DISTINCT ON (n.id) n.id, n.text FROM unnest(p_ids, p_payloads) WITH ORDINALITY AS n (id, text, place)
    WHERE octet_length(n.text) > 1024 AND n.id = ANY (p_inserted) AND n.id <> ALL (p_known)
    ORDER BY n.id, n.place
    ON CONFLICT (job) DO UPDATE SET text = excluded.text;
END $$;

-- Pushes jobs inside the caller's transaction, which may stay open. If a job has been started meanwhile, its inserted
-- row is not deleted but rolled back to a savepoint: a deletion would block the release of that job until the caller's
-- transaction ends.
-- In and Out: see push_batch
CREATE FUNCTION longshore.push_within(
    p_ids uuid[], p_queues text[], p_kinds text[], p_payloads text[], p_ranks smallint[], p_delays bigint[], p_moments bigint[],
    p_max_attempts smallint[], p_timeouts integer[], p_deadlines_in bigint[], p_deadlines bigint[], p_keys text[], p_tags text[],
    p_aliases text[], p_unique_keys text[], p_unique_scopes bigint[], p_reuse_keys text[], p_reuse_ms bigint[],
    p_idempotency_keys text[], p_fingerprints bytea[], p_shift bigint
) RETURNS TABLE (place integer, instead smallint, other uuid) LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    LOOP
        BEGIN
            RETURN QUERY SELECT * FROM longshore.push_batch(
                p_ids, p_queues, p_kinds, p_payloads, p_ranks, p_delays, p_moments, p_max_attempts, p_timeouts,
                p_deadlines_in, p_deadlines, p_keys, p_tags, p_aliases, p_unique_keys, p_unique_scopes, p_reuse_keys,
                p_reuse_ms, p_idempotency_keys, p_fingerprints, p_shift, false, true);
            RETURN;
        EXCEPTION WHEN SQLSTATE 'LS001' THEN
            NULL; -- again; now the job is visible
        END;
    END LOOP;
END $$;

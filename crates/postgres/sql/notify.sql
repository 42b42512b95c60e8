-- Notifications of work: which processes wait, and which of them are notified.

-- Registers that a worker waits for jobs.
-- In:  the worker; its process, NULL: it does not listen; the queues that it searched; the kinds that it still wants;
--      now, by the server's clock
-- Out: whether the worker was not registered before: then it must claim again, because earlier notifications did not
--      reach it
CREATE FUNCTION longshore.wait_for_work(p_worker uuid, p_process text, p_queues text[], p_kinds text[], p_clock bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_known longshore.waiter;
BEGIN
    IF p_process IS NULL THEN RETURN false; END IF;
    -- A locked row belongs to a transaction that is notifying the worker and may wait for others. Claims wait for
    -- nobody.
    SELECT * INTO v_known FROM longshore.waiter w WHERE w.worker = p_worker FOR UPDATE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (SELECT 1 FROM longshore.waiter w WHERE w.worker = p_worker) THEN RETURN false; END IF;
    IF v_known.process = p_process AND v_known.waits AND v_known.queues @> p_queues AND v_known.kinds = p_kinds THEN
        IF v_known.seen >= p_clock - 10000 AND v_known.told <= v_known.seen THEN RETURN false; END IF;
        UPDATE longshore.waiter w SET seen = p_clock WHERE w.worker = p_worker;
        RETURN v_known.seen < p_clock - 10000; -- concurrent notifications have skipped the locked row
    END IF;
    INSERT INTO longshore.waiter AS w (worker, process, queues, kinds, waits, seen, told)
    VALUES (p_worker, p_process, p_queues, p_kinds, true, p_clock, p_clock)
    ON CONFLICT (worker) DO UPDATE SET process = excluded.process, queues = excluded.queues, kinds = excluded.kinds, waits = true, seen = excluded.seen;
    RETURN true;
END $$;

-- Notifies workers of work, one worker per job, starting with those that were notified longest ago. Skips workers that
-- have not claimed for a long time or not since their last notification. Skips processes that no longer hold the lock
-- of their name: these do not listen any more, and another process is notified instead.
-- In:  queues, kinds and numbers of jobs; jobs that possibly wait again; the sending process, which is not notified;
--      queues and kinds of notifications that the process received and has no room for
CREATE FUNCTION longshore.notify_work(
    p_queues text[], p_kinds text[], p_jobs integer[], p_ids uuid[], p_process text, p_full_queues text[], p_full_kinds text[]
) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_clock   bigint := longshore.clock();
    v_work    record;
    v_waiter  record;
    v_left    bigint;               -- jobs for which no worker was notified yet
    v_gone    bigint;
BEGIN
    UPDATE longshore.waiter w SET waits = false FROM unnest(p_full_queues, p_full_kinds) AS f (queue, kind)
    WHERE w.process = p_process AND f.queue = ANY (w.queues) AND f.kind = ANY (w.kinds);
    FOR v_work IN
        SELECT a.queue, a.kind, sum(a.jobs) AS jobs
        FROM (SELECT u.queue, u.kind, u.jobs FROM unnest(p_queues, p_kinds, p_jobs) AS u (queue, kind, jobs)
              UNION ALL
              SELECT j.queue, j.kind, 1 FROM unnest(p_ids) AS i (id)
              CROSS JOIN LATERAL (SELECT j.queue, j.kind FROM longshore.waiting j WHERE j.id = i.id LIMIT 1) j) a
        GROUP BY a.queue, a.kind
    LOOP
        v_left := v_work.jobs;
        WHILE v_left > 0 LOOP
            v_gone := 0;
            FOR v_waiter IN
                UPDATE longshore.waiter w SET told = v_clock
                FROM (SELECT o.worker FROM longshore.waiter o
                      WHERE o.waits AND o.seen > v_clock - 30000 AND (o.told <= o.seen OR o.told > v_clock - 2000) AND o.process <> p_process
                            AND v_work.queue = ANY (o.queues) AND v_work.kind = ANY (o.kinds)
                      ORDER BY o.told LIMIT v_left FOR UPDATE SKIP LOCKED) next
                WHERE w.worker = ANY (ARRAY[next.worker]) RETURNING w.worker, w.process
            LOOP
                IF pg_try_advisory_xact_lock(hashtextextended(v_waiter.process, 0)) THEN
                    v_gone := v_gone + 1;
                    DELETE FROM longshore.waiter w WHERE w.worker = v_waiter.worker;
                ELSE
                    PERFORM pg_notify('longshore:work:' || v_waiter.process, v_work.queue || ' ' || v_work.kind);
                END IF;
            END LOOP;
            v_left := v_gone;
        END LOOP;
    END LOOP;
END $$;

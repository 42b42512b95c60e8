-- Lets every function plan the same way whatever the statistics say: a table that was never analysed, or grew from nothing to a
-- million rows since it was, must not flip a plan to a scan of the whole. Plans are made once a connection of the server. For the
-- same reason no join by id says anything of a state: on an empty table a partial index on it looks as good as the key.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
             WHERE p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'longshore.job'::regclass) AND l.lanname = 'plpgsql'
               AND p.proname IN ('push_batch', 'claim', 'renew', 'settle', 'release_worker', 'rescue', 'bury_waiting', 'prune', 'tidy', 'act',
                                 'pause', 'resume', 'write_log', 'read_log', 'get', 'status', 'find', 'list', 'at', 'queues',
                                 'keep_artifact', 'old_artifacts', 'push')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_bitmapscan = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', f);
        EXECUTE format('ALTER FUNCTION %s SET jit = off', f);
    END LOOP;
END $$;

-- Returns whether this role should vacuum the tables of live jobs: scanning their dead rows in claims would cost more
-- than a vacuum, which reads all indexes.
CREATE FUNCTION longshore.vacuum_due() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT bool_or(s.n_dead_tup > greatest(20000, s.n_live_tup / 10) AND pg_has_role(c.relowner, 'USAGE')) -- other roles may not vacuum
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.relid = ANY (ARRAY['longshore.waiting'::regclass, 'longshore.running'::regclass]));
END $$;

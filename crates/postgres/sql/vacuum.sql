-- Out: whether the tables of live jobs are to be vacuumed, by us: what claims walk over would cost more than that does, which reads
--      all indexes
CREATE FUNCTION longshore.dusty() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT bool_or(s.n_dead_tup > greatest(20000, s.n_live_tup / 10) AND pg_has_role(c.relowner, 'USAGE')) -- others may not
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.relid = ANY (ARRAY['longshore.waiting'::regclass, 'longshore.running'::regclass]));
END $$;

-- Returns the time. It is not now(), which stands still in a transaction.
-- Out: milliseconds since 1970
CREATE FUNCTION longshore.clock() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT floor(date_part('epoch', clock_timestamp()) * 1000)::bigint $$;

-- The failures of a job.

-- Adds a failure to the stored ones. At most 20 are kept: the newest.
-- In:  the stored failures; the message; when it ended; the attempt; the worker; its class, see failure_class; when it
--      started and the number of its claim, NULL if it never ran
CREATE FUNCTION longshore.with_failure(
    failures jsonb, message text, at bigint, attempt smallint, worker uuid, class integer, started bigint, claim bigint
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
               WHEN jsonb_typeof(failures) IS DISTINCT FROM 'array' THEN '[]' -- otherwise another program has changed it
               WHEN jsonb_array_length(failures) >= 20 THEN failures - 0
               ELSE failures
           END
           || jsonb_build_array(jsonb_build_object(
               'at', at, 'attempt', attempt, 'worker', worker, 'message', message, 'class', class, 'started', started, 'claim', claim))
$$;

-- Returns the class of the failure that belongs to an event, see step.sql, and a reason: its position in
-- FailureClass::ALL of core/src/state/failure.rs.
CREATE FUNCTION longshore.failure_class(event smallint, why text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN event = 7 THEN 3
        WHEN event = 13 THEN 2
        WHEN event NOT IN (4, 12) THEN 0
        ELSE CASE why WHEN 'exhausted' THEN 0 WHEN 'outage' THEN 2 WHEN 'crashed' THEN 3 WHEN 'corrupt' THEN 4 ELSE 1 END
    END
$$;

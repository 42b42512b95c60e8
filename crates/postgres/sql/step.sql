-- Returns the number of an event, see step, that is not the outcome of an attempt.
CREATE FUNCTION longshore.event(name text) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE name WHEN 'interrupted' THEN 6 WHEN 'crashed' THEN 7 WHEN 'cancel' THEN 10 WHEN 'retry' THEN 11 WHEN 'bury' THEN 12 END::smallint
$$;

-- Returns the transition of a job for an event. The same as `step` in core/src/state/step.rs, which a test compares
-- with this one.
-- In:  the job's facts; the event, and for some events the delay and the reason
--        settled by its worker   0 succeeded  1 failed, retry after `delay`  2 snoozed for `delay`  3 released
--                                4 failed permanently, `why`  5 cancelled  13 outage, retry after `delay`
--        its worker is gone      6 interrupted  7 crashed
--        anybody                 8 due  9 claimed  10 cancel requested  11 retry requested  12 bury, `why`
-- Out: one row: the facts after the event, in how many milliseconds it is due (NULL: as before), and why it is dead;
--      no row if the event changes nothing because the state of the job has changed
CREATE FUNCTION longshore.step(
    state smallint, attempt smallint, crashes smallint, interruptions integer, outages smallint, cancel_asked boolean,
    event smallint, delay bigint, why text
) RETURNS TABLE (
    to_state smallint, to_attempt smallint, to_crashes smallint, to_interruptions integer, to_outages smallint, to_cancel_asked boolean,
    wait bigint, reason text
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT m.next::smallint,
           CASE
               WHEN event = 9 THEN least(attempt + 1, 32767)
               WHEN state > 2 THEN 0
               WHEN m.called_off THEN attempt
               WHEN event IN (2, 3, 6, 7, 13) THEN greatest(attempt - 1, 0)
               ELSE attempt
           END::smallint,
           CASE WHEN state > 2 THEN 0 WHEN event = 7 AND NOT m.called_off THEN crashes + 1 ELSE crashes END::smallint,
           interruptions + (event IN (2, 3, 6) AND NOT m.called_off AND interruptions < 2147483647)::integer,
           CASE
               WHEN state > 2 THEN 0
               WHEN m.called_off THEN outages
               WHEN event IN (1, 2) THEN 0 -- the attempt did not end in an outage
               WHEN event = 13 THEN least(outages + 1, 32767)
               ELSE outages
           END::smallint,
           CASE WHEN state > 2 THEN false WHEN event = 10 AND state = 2 THEN true ELSE cancel_asked END,
           CASE
               WHEN m.next > 2 THEN NULL
               WHEN event IN (1, 2, 13) THEN delay
               WHEN event = 7 AND m.next = 0 THEN 30000
               WHEN event = 11 THEN 0
           END::bigint,
           CASE
               WHEN m.next <> 4 THEN NULL
               WHEN event = 7 THEN 'crashed'
               ELSE why
           END
    FROM (SELECT c.called_off, CASE
              WHEN c.called_off THEN 5
              WHEN state = 2 AND event = 0 THEN 3
              WHEN state = 2 AND event = 4 THEN 4
              WHEN state = 2 AND event = 5 THEN 5
              WHEN state = 2 AND event IN (1, 2, 13) THEN CASE WHEN delay = 0 THEN 1 ELSE 0 END
              WHEN state = 2 AND event IN (3, 6) THEN 1
              WHEN state = 2 AND event = 7 THEN CASE WHEN crashes >= 2 THEN 4 WHEN crashes = 0 THEN 1 ELSE 0 END
              WHEN state = 0 AND event = 8 THEN 1
              WHEN state = 1 AND event = 9 THEN 2
              WHEN state < 2 AND event = 10 THEN 5
              WHEN state = 2 AND event = 10 THEN 2
              WHEN state IN (0, 4, 5) AND event = 11 THEN 1
              WHEN state <= 2 AND event = 12 THEN 4
          END AS next
          FROM (SELECT state = 2 AND cancel_asked AND event IN (1, 2, 3, 6, 7, 13) AS called_off) c) m
    WHERE m.next IS NOT NULL
$$;

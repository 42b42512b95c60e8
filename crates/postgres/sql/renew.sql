-- Extends leases, each only if the token is the job's newest.
-- In:  distinct job ids, sorted; numbers and bits of their tokens; the lengths of the leases, in ms; the handlers'
--      latest progress, or an empty array; how far tests moved the clock of leases
-- Out: the positions of the renewed jobs, and whether cancellation was requested
CREATE FUNCTION longshore.renew(
    p_ids uuid[], p_numbers bigint[], p_bits bigint[], p_leases bigint[], p_progresses text[], p_lease_shift bigint
) RETURNS TABLE (place integer, cancel_asked boolean) LANGUAGE plpgsql /* steady */ AS $$
#variable_conflict use_column
DECLARE
    v_clock bigint := longshore.clock() + p_lease_shift;
BEGIN
    RETURN QUERY
    UPDATE longshore.running j
    SET lease_until = v_clock + a.lease, progress = coalesce(a.progress, j.progress),
        version = least(j.version, 1000000000000000) + (a.progress IS NOT NULL)::integer
    FROM unnest(p_ids, p_numbers, p_bits, p_leases, p_progresses) WITH ORDINALITY AS a (id, number, bits, lease, progress, place)
    WHERE j.id = ANY (ARRAY[a.id]) AND j.token_number = a.number AND j.token_bits = a.bits
    RETURNING a.place::integer, j.cancel_asked;
END $$;

-- Replaces the log of a claim, but only if the token is the job's newest. Deletes the logs of earlier claims whose
-- failures are not kept.
-- In:  the job; number and bits of the token; the text
-- Out: whether the token was the newest
CREATE FUNCTION longshore.write_log(p_id uuid, p_number bigint, p_bits bigint, p_text text) RETURNS boolean LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_failures jsonb;
BEGIN
    SELECT CASE WHEN jsonb_typeof(j.failures) = 'array' THEN j.failures ELSE '[]' END INTO v_failures FROM longshore.running j
    WHERE j.id = p_id AND j.token_number = p_number AND j.token_bits = p_bits FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM longshore.log l WHERE l.job = p_id AND l.claim <> p_number AND NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(v_failures) AS f WHERE f ->> 'claim' = l.claim::text);
    INSERT INTO longshore.log (job, claim, text) VALUES (p_id, p_number, p_text)
    ON CONFLICT (job, claim) DO UPDATE SET text = excluded.text;
    RETURN true;
END $$;

-- Reads the log of a claim.
-- In:  the job; the number of the claim, NULL: the newest that has a log
-- Out: the text, empty if there is no log; NULL if the job does not exist
CREATE FUNCTION longshore.read_log(p_id uuid, p_claim bigint) RETURNS text LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT l.text FROM longshore.log l WHERE l.job = p_id AND coalesce(l.claim = p_claim, true)
                             ORDER BY l.claim DESC LIMIT 1), '')
            FROM longshore.snapshot s WHERE s.id = p_id);
END $$;

-- Replaces a job's log, only where the token is the job's newest.
-- In:  the job; number and bits of the token; the text
-- Out: whether it was
CREATE FUNCTION longshore.write_log(p_id uuid, p_number bigint, p_bits bigint, p_text text) RETURNS boolean LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    INSERT INTO longshore.log (job, text)
    SELECT j.id, p_text FROM (
        SELECT id FROM longshore.running WHERE id = p_id AND token_number = p_number AND token_bits = p_bits FOR SHARE
    ) j
    ON CONFLICT (job) DO UPDATE SET text = excluded.text;
    RETURN FOUND;
END $$;

-- Reads a job's log.
-- Out: the text, empty where there is none; NULL where nobody knows the job
CREATE FUNCTION longshore.read_log(p_id uuid) RETURNS text LANGUAGE plpgsql /* steady */ STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT l.text FROM longshore.log l WHERE l.job = p_id), '') FROM longshore.snapshot s WHERE s.id = p_id);
END $$;

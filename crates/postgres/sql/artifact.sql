-- Keeps a large result.
CREATE FUNCTION longshore.keep_artifact(p_job uuid, p_claim bigint, p_body bytea) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    INSERT INTO longshore.artifact (job, claim, body) VALUES (p_job, p_claim, p_body)
    ON CONFLICT (job, claim) DO UPDATE SET body = excluded.body;
END $$;

-- In:  how old, in ms; the name to go on after, or NULLs; how many
-- Out: names of artifacts that are at least so old, in order
CREATE FUNCTION longshore.old_artifacts(p_age bigint, p_job uuid, p_claim bigint, p_limit integer)
RETURNS TABLE (job uuid, claim bigint) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.job, a.claim FROM longshore.artifact a
    WHERE (a.job, a.claim) > (coalesce(p_job, '00000000-0000-0000-0000-000000000000'), coalesce(p_claim, -1))
      AND a.made_at <= clock_timestamp() - p_age * interval '1 millisecond'
    ORDER BY a.job, a.claim LIMIT p_limit;
END $$;

-- Starts to write a large result.
-- In:  its name
-- Out: the number of the upload
CREATE FUNCTION longshore.begin_artifact(p_job uuid, p_claim bigint) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO longshore.artifact_upload (job, claim) VALUES (p_job, p_claim) RETURNING id;
$$;

-- Writes a chunk. It need not wait for the disk, because finish_artifact makes the upload durable.
-- In:  the upload; the number of the chunk; its bytes
CREATE FUNCTION longshore.write_artifact(p_upload bigint, p_n integer, p_body bytea) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM longshore.artifact_upload u WHERE u.id = p_upload FOR SHARE; -- a concurrent deletion waits and sees the chunk
    IF NOT FOUND THEN
        RAISE EXCEPTION 'longshore: the artifact was deleted while it was written' USING ERRCODE = 'query_canceled';
    END IF;
    INSERT INTO longshore.artifact_chunk (upload, n, body) VALUES (p_upload, p_n, p_body) ON CONFLICT (upload, n) DO NOTHING;
END $$;

-- Makes an upload the artifact of its name. A repeat is harmless.
-- In:  the upload; the total size; the length of each chunk except the last
CREATE FUNCTION longshore.finish_artifact(p_upload bigint, p_bytes bigint, p_chunk_bytes integer) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_upload longshore.artifact_upload;
    v_before bigint;
BEGIN
    DELETE FROM longshore.artifact_upload u WHERE u.id = p_upload RETURNING * INTO v_upload;
    IF NOT FOUND THEN
        PERFORM FROM longshore.artifact_head a WHERE a.upload = p_upload;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'longshore: the artifact was deleted while it was written' USING ERRCODE = 'query_canceled';
        END IF;
        RETURN;
    END IF;
    LOOP
        INSERT INTO longshore.artifact_head (job, claim, bytes, chunk_bytes, upload)
        VALUES (v_upload.job, v_upload.claim, p_bytes, p_chunk_bytes, p_upload) ON CONFLICT (job, claim) DO NOTHING;
        EXIT WHEN FOUND;
        SELECT a.upload INTO v_before FROM longshore.artifact_head a WHERE a.job = v_upload.job AND a.claim = v_upload.claim FOR UPDATE;
        IF FOUND THEN
            UPDATE longshore.artifact_head a
            SET body = NULL, bytes = p_bytes, chunk_bytes = p_chunk_bytes, upload = p_upload, made_at = clock_timestamp()
            WHERE a.job = v_upload.job AND a.claim = v_upload.claim;
            DELETE FROM longshore.artifact_chunk c WHERE c.upload = v_before;
            EXIT;
        END IF;
    END LOOP;
END $$;

-- Deletes an abandoned upload. A finished one stays.
CREATE FUNCTION longshore.drop_upload(p_upload bigint) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
BEGIN
    DELETE FROM longshore.artifact_upload u WHERE u.id = p_upload;
    IF FOUND THEN
        DELETE FROM longshore.artifact_chunk c WHERE c.upload = p_upload;
    END IF;
END $$;

-- Deletes a large result and the remains of its uploads.
CREATE FUNCTION longshore.delete_artifact(p_job uuid, p_claim bigint) RETURNS void LANGUAGE plpgsql /* steady */ AS $$
DECLARE
    v_upload bigint;
BEGIN
    DELETE FROM longshore.artifact_head a WHERE a.job = p_job AND a.claim = p_claim RETURNING a.upload INTO v_upload;
    DELETE FROM longshore.artifact_chunk c WHERE c.upload = v_upload;
    FOR v_upload IN SELECT u.id FROM longshore.artifact_upload u WHERE u.job = p_job AND u.claim = p_claim LOOP
        PERFORM longshore.drop_upload(v_upload);
    END LOOP;
END $$;

-- In:  the minimum age, in ms; the name to start after, or NULLs; a limit
-- Out: names of artifacts and unfinished uploads of at least that age, sorted
CREATE FUNCTION longshore.old_artifacts(p_age bigint, p_job uuid, p_claim bigint, p_limit integer)
RETURNS TABLE (job uuid, claim bigint) LANGUAGE plpgsql /* steady */ STABLE AS $$
#variable_conflict use_column
DECLARE
    v_job    uuid := coalesce(p_job, '00000000-0000-0000-0000-000000000000');
    v_claim  bigint := coalesce(p_claim, -1);
    v_before timestamptz := clock_timestamp() - p_age * interval '1 millisecond';
BEGIN
    RETURN QUERY
    SELECT o.job, o.claim FROM (
        (SELECT a.job, a.claim FROM longshore.artifact_head a
         WHERE (a.job, a.claim) > (v_job, v_claim) AND a.made_at <= v_before ORDER BY a.job, a.claim LIMIT p_limit)
        UNION
        (SELECT u.job, u.claim FROM longshore.artifact_upload u
         WHERE (u.job, u.claim) > (v_job, v_claim) AND u.made_at <= v_before ORDER BY u.job, u.claim LIMIT p_limit)
    ) o
    ORDER BY o.job, o.claim LIMIT p_limit;
END $$;

-- From version 2 to 3, and a part of every new schema.

-- When the rules of a queue were changed, or when counts of a push were added up. It is not known for earlier times, so
-- the present time is used.
ALTER TABLE longshore.queue ADD COLUMN used_at bigint NOT NULL DEFAULT 0;
UPDATE longshore.queue SET used_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- Large results in chunks. Results that version 2 wrote stay as they are and are read by position.

ALTER TABLE longshore.artifact RENAME TO artifact_head;
ALTER TABLE longshore.artifact_head
    ALTER COLUMN body DROP NOT NULL,                -- of version 2, which stored the whole result here
    ADD COLUMN bytes bigint,
    ADD COLUMN chunk_bytes integer,                 -- the length of each chunk except the last
    ADD COLUMN upload bigint,                       -- the upload of its chunks
    ADD CHECK ((body IS NULL) = (upload IS NOT NULL AND bytes IS NOT NULL AND chunk_bytes IS NOT NULL));

-- Unfinished uploads of large results. They are never read.
CREATE TABLE longshore.artifact_upload (
    id              bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job             uuid     NOT NULL,
    claim           bigint   NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX artifact_upload_name ON longshore.artifact_upload (job, claim);

CREATE TABLE longshore.artifact_chunk (
    upload          bigint   NOT NULL,
    n               integer  NOT NULL,              -- from 0 on
    body            bytea    NOT NULL,
    PRIMARY KEY (upload, n)
);
ALTER TABLE longshore.artifact_chunk ALTER COLUMN body SET STORAGE EXTERNAL; -- images are already compressed

-- Programs of version 2 continue beside this one: they read and delete large results through a view, and write as
-- before.
DO $$
DECLARE
    v_grant record;
BEGIN
    IF to_regprocedure('longshore.keep_artifact_v2(uuid,bigint,bytea)') IS NULL THEN
        RETURN;
    END IF;

    CREATE VIEW longshore.artifact AS
        SELECT a.job, a.claim, a.made_at,
               coalesce(a.body, (SELECT string_agg(c.body, ''::bytea ORDER BY c.n) FROM longshore.artifact_chunk c WHERE c.upload = a.upload),
                        ''::bytea) AS body
        FROM longshore.artifact_head a;
    CREATE FUNCTION longshore.delete_artifact_for_v2() RETURNS trigger LANGUAGE plpgsql AS $f$
        BEGIN
            PERFORM longshore.delete_artifact(OLD.job, OLD.claim);
            RETURN OLD;
        END $f$;
    CREATE TRIGGER delete_for_v2 INSTEAD OF DELETE ON longshore.artifact FOR EACH ROW EXECUTE FUNCTION longshore.delete_artifact_for_v2();
    CREATE OR REPLACE FUNCTION longshore.keep_artifact_v2(p_job uuid, p_claim bigint, p_body bytea) RETURNS void LANGUAGE plpgsql AS $f$
        BEGIN
            INSERT INTO longshore.artifact_head (job, claim, body) VALUES (p_job, p_claim, p_body)
            ON CONFLICT (job, claim) DO UPDATE SET body = excluded.body, bytes = NULL, chunk_bytes = NULL, upload = NULL;
        END $f$;

    -- They record, like newer programs, when a queue is used, and create it again if it is removed at that moment: its
    -- pause would be lost otherwise.
    CREATE OR REPLACE FUNCTION longshore.fold_counts_v2(p_lock bigint, OUT more boolean) LANGUAGE plpgsql AS $f$
        BEGIN
            more := longshore.fold_counts(p_lock, 0);
        END $f$;
    CREATE OR REPLACE FUNCTION longshore.change_rules_v2(
        p_queue text, p_expected bigint, p_rules text, p_level integer, p_paused_until bigint,
        OUT changed boolean, OUT version bigint, OUT rules text
    ) LANGUAGE plpgsql AS $f$
        BEGIN
            SELECT c.changed, c.version, c.rules INTO changed, version, rules
            FROM longshore.change_rules(p_queue, p_expected, p_rules, p_level, p_paused_until, 0) c;
        END $f$;

    -- Roles with privileges on the old table get the same privileges on its replacement.
    FOR v_grant IN
        SELECT a.privilege_type AS privilege, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee
        FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = 'longshore.artifact_head'::regclass AND a.grantee <> c.relowner
          AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON longshore.artifact, longshore.artifact_upload, longshore.artifact_chunk TO %s', v_grant.privilege, v_grant.grantee);
        EXECUTE format('GRANT USAGE ON SEQUENCE longshore.artifact_upload_id_seq TO %s', v_grant.grantee);
    END LOOP;
END $$;

-- Inserts one job.
-- In:  1 id  2 queue  3 kind  4 state  5 rank  6 run_at  7 created_at  8 asked_attempts  9 asked_timeout_ms
--      10 payload, NULL where it is large  11 deadline  12 key  13 tags  14 alias  15 unique_key  16 unique_scope
--      17 reuse_key  18 reuse_ms
-- Out: the number of rows; 0 where the id is known, because the job was pushed before.
INSERT INTO job (id, queue, kind, state, rank, run_at, created_at, asked_attempts, asked_timeout_ms, payload, deadline,
                 key, tags, alias, unique_key, unique_scope, reuse_key, reuse_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
ON CONFLICT (id) DO NOTHING

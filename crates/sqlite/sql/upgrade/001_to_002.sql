-- From version 1 to 2, last part: copies all rows and drops the tables of version 1.
--
-- Some names changed on purpose: writes of a version 1 program then fail instead of being partly right.

UPDATE store SET last_claim = (SELECT last_claim FROM longshore_1_store);

INSERT INTO kind (id, name, seen) SELECT id, name, seen FROM longshore_1_kind;

INSERT INTO worker (id, nonce, first_claim, last_claim, released, seen)
SELECT id, nonce, first_claim, last_claim, released, seen FROM longshore_1_worker;

-- A pause is a rule now. The patch leaves out NULL values.
INSERT INTO queue (id, name, workers_since, workers_seen, scheduled, ready, running, succeeded, dead, cancelled,
                   rules_version, rules_level, rules)
SELECT id, name, workers_since, workers_seen, scheduled, ready, running, succeeded, dead, cancelled,
       paused_since IS NOT NULL, paused_since IS NOT NULL,
       iif(paused_since IS NULL, '{}', json_patch('{}', json_object('pause', json_object(
           'since', paused_since, 'until', paused_until, 'reason', paused_reason, 'by', paused_by))))
FROM longshore_1_queue;

-- Version 1 stored the defaults, 20 attempts and 30 minutes, for jobs that asked for nothing.
INSERT INTO job (seq, id, queue, kind, state, rank, run_at, created_at, attempt, asked_attempts, asked_timeout_ms, crashes,
                 interruptions, cancel_asked, version, payload, deadline, key, tags, alias, unique_key, unique_scope,
                 reuse_key, reuse_ms, worker, token_number, token_bits, lease_boot, lease_until, settled_number,
                 settled_bits, started_at, finished_at, keep_until, progress, reason, result_type, result, artifact,
                 artifact_bytes)
SELECT seq, id, queue, kind, state, rank, run_at, created_at, attempt, nullif(max_attempts, 20), nullif(timeout_ms, 1800000),
       crashes, interruptions, cancel_asked, version, iif(octet_length(payload) > 1024, NULL, payload), deadline, key, tags,
       alias, unique_key, unique_scope, reuse_key, reuse_ms, worker, token_number, token_bits, lease_boot, lease_until,
       settled_number, settled_bits, started_at, finished_at, keep_until, progress, reason, result_type, result, artifact,
       artifact_bytes
FROM longshore_1_job ORDER BY seq;

INSERT INTO job_payload (seq, text)
SELECT seq, payload FROM longshore_1_job WHERE octet_length(payload) > 1024 ORDER BY seq;

INSERT OR IGNORE INTO job_tag (tag, seq)
SELECT one.value, seq FROM longshore_1_job, json_each(iif(json_valid(tags), tags, '[]')) AS one
WHERE tags IS NOT NULL AND one.type = 'text';

INSERT INTO unique_key (queue, key, seq, until) SELECT queue, key, seq, until FROM longshore_1_unique_key;

INSERT INTO idempotency (queue, key, fingerprint, job, instead, until)
SELECT queue, key, fingerprint, job, instead, until FROM longshore_1_idempotency;

-- A log belonged to the newest claim, if the job still has its number.
INSERT INTO claim_log (seq, claim, text)
SELECT log.seq, coalesce(job.token_number, job.settled_number, 0), log.text
FROM longshore_1_log AS log JOIN longshore_1_job AS job ON job.seq = log.seq;

-- Classes: 0 retry, 1 fatal, 3 crash, 4 corrupt. The newest failure is the one that made a job dead.
INSERT INTO failure (seq, n, at, class, attempt, worker, message)
SELECT failure.seq, n, at,
       CASE WHEN message = 'the worker process died, or could not renew its lease' THEN 3
            WHEN n < (SELECT max(n) FROM longshore_1_failure AS newest WHERE newest.seq = failure.seq) THEN 0
            WHEN job.reason = 'fatal' THEN 1
            WHEN job.reason = 'corrupt' THEN 4
            ELSE 0 END,
       failure.attempt, failure.worker, message
FROM longshore_1_failure AS failure JOIN longshore_1_job AS job ON job.seq = failure.seq;

DROP TABLE longshore_1_store;
DROP TABLE longshore_1_queue;
DROP TABLE longshore_1_kind;
DROP TABLE longshore_1_worker;
DROP TABLE longshore_1_job;
DROP TABLE longshore_1_unique_key;
DROP TABLE longshore_1_idempotency;
DROP TABLE longshore_1_log;
DROP TABLE longshore_1_failure;

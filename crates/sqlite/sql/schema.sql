-- The layout, version 3: all tables except those of names.sql, which comes first. They are the same as in version 2.
-- STRICT tables, integer milliseconds, explicit columns. The files in upgrade/ convert older layouts.
--
-- Every index on a state is partial, so that a job is only in the one or two indexes that its state needs. A claim
-- costs the same with ten thousand and with ten million waiting jobs.

CREATE TABLE worker (                         -- the newest claim of each worker
    id          BLOB    NOT NULL PRIMARY KEY,
    nonce       INTEGER NOT NULL,             -- of its newest claim, to recognise a repeat
    first_claim INTEGER NOT NULL,             -- the tokens that claim made
    last_claim  INTEGER NOT NULL,
    released    INTEGER NOT NULL,             -- 1: its jobs were taken away and it may claim no more
    seen        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE worker_note (                    -- what workers say of themselves
    id    BLOB    NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    seen  INTEGER NOT NULL,
    note  TEXT    NOT NULL                    -- JSON
) STRICT;
CREATE INDEX worker_note_seen ON worker_note (seen);

CREATE TABLE job (
    seq             INTEGER PRIMARY KEY,      -- the order of pushes
    id              BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    queue           INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    state           INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),  -- scheduled ready running succeeded dead cancelled
    rank            INTEGER NOT NULL,         -- the priority, negated: lower runs first
    run_at          INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    attempt         INTEGER NOT NULL DEFAULT 0,
    asked_attempts  INTEGER,                  -- NULL: it asks for nothing
    asked_timeout_ms INTEGER,
    granted_attempts INTEGER,                 -- by its newest claim; NULL: what it asked for, or the default
    granted_timeout_ms INTEGER,
    crashes         INTEGER NOT NULL DEFAULT 0,
    interruptions   INTEGER NOT NULL DEFAULT 0,
    outages         INTEGER NOT NULL DEFAULT 0,
    outage_since    INTEGER,                  -- when the first of them ended
    cancel_asked    INTEGER NOT NULL DEFAULT 0,
    version         INTEGER NOT NULL DEFAULT 1,
    payload         TEXT,                     -- NULL: it is large, and in a table of its own
    deadline        INTEGER,
    key             TEXT,
    turn            INTEGER,                  -- for fair turns of keys; not used yet
    tags            TEXT,                     -- a JSON array of strings
    alias           TEXT,
    unique_key      TEXT,
    unique_scope    INTEGER,                  -- 0: until started, 1: until finished, else 2 + the period in ms
    reuse_key       TEXT,
    reuse_ms        INTEGER,
    worker          BLOB,
    token_number    INTEGER,                  -- of the claim that holds it; NULL unless running
    token_bits      INTEGER,
    lease_boot      BLOB,                     -- which run of the machine the lease is from
    lease_until     INTEGER,                  -- milliseconds since that run began
    lease_ms        INTEGER,                  -- its length; NULL where an older program claimed the job
    settled_number  INTEGER,                  -- the newest token whose settle was accepted
    settled_bits    INTEGER,
    started_at      INTEGER,
    finished_at     INTEGER,
    keep_until      INTEGER,
    progress        TEXT,                     -- JSON
    reason          TEXT,
    result_type     TEXT,
    result          BLOB,                     -- where it is small text
    artifact        INTEGER,                  -- else the number of the claim that made the artifact
    artifact_bytes  INTEGER
) STRICT;

CREATE INDEX job_scheduled ON job (queue, run_at)                   WHERE state = 0;
CREATE INDEX job_ready     ON job (queue, kind, rank, run_at)       WHERE state = 1 AND crashes < 2;
CREATE INDEX job_alone     ON job (queue, kind, rank, run_at)       WHERE state = 1 AND crashes >= 2;
CREATE INDEX job_running   ON job (lease_until, lease_boot, worker) WHERE state = 2;
CREATE INDEX job_final     ON job (keep_until)                      WHERE state >= 3;
CREATE INDEX job_dead      ON job (seq)                             WHERE state = 4;
CREATE INDEX job_deadline  ON job (deadline)                        WHERE deadline IS NOT NULL AND state < 2;
CREATE INDEX job_reuse     ON job (queue, reuse_key, finished_at)   WHERE reuse_key IS NOT NULL AND state = 3;
CREATE INDEX job_alias     ON job (alias)                           WHERE alias IS NOT NULL;

-- Payloads of more than 1 KiB. They have their own table, so that later changes of the job do not write them again.
CREATE TABLE job_payload (
    seq  INTEGER PRIMARY KEY,                 -- the job's
    text TEXT    NOT NULL
) STRICT;

CREATE TABLE job_tag (
    tag TEXT    NOT NULL,
    seq INTEGER NOT NULL,                     -- the job's
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE unique_key (
    queue   INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    seq     INTEGER NOT NULL,                 -- the job that holds it
    until   INTEGER,                          -- NULL: until the job gives it back
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX unique_key_holder ON unique_key (seq);

CREATE TABLE idempotency (
    queue       INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,             -- tells a repeat from another request
    job         BLOB    NOT NULL,             -- the answer: this job,
    instead     INTEGER NOT NULL,             -- 0: made by the push, 1: held the unique key, 2: was reused
    until       INTEGER NOT NULL,             -- kept that long, and as long as the job is known
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_until ON idempotency (until);

CREATE TABLE claim_log (
    seq   INTEGER NOT NULL,                   -- the job's
    claim INTEGER NOT NULL,                   -- the number of the claim's token
    text  TEXT    NOT NULL,
    PRIMARY KEY (seq, claim)
) STRICT;

CREATE TABLE failure (
    seq        INTEGER NOT NULL,
    n          INTEGER NOT NULL,              -- counts up; only the newest are kept
    at         INTEGER NOT NULL,
    started_at INTEGER,                       -- NULL: it never did, or version 1 wrote the failure
    class      INTEGER NOT NULL,              -- its place in FailureClass::ALL
    attempt    INTEGER NOT NULL,
    claim      INTEGER,                       -- the number of the claim's token; NULL as for started_at
    worker     BLOB,
    message    TEXT    NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;

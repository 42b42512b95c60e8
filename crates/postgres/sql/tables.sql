-- The tables. Every table has a primary key, because a publication of all tables (logical replication) rejects updates
-- and deletes of a table without one. Times are integer milliseconds since 1970; the view `jobs` shows them as
-- timestamps.
--
-- A job is a row of one of three tables, and one transaction moves it from one to the other: `waiting`, `running`,
-- `history`. Moving a row costs less than updating it in place: an updated row is written to every index again, and its
-- old version stays in each.

CREATE SEQUENCE longshore.push_number;          -- the order of pushes
CREATE SEQUENCE longshore.claim_number;         -- numbers of tokens, always growing

-- Scheduled and ready jobs. Every index on a state is partial, so that a job is only in the one that its state needs.
CREATE TABLE longshore.waiting (
    seq             bigint   NOT NULL DEFAULT nextval('longshore.push_number'),
    run_at          bigint   NOT NULL,
    created_at      bigint   NOT NULL,
    version         bigint   NOT NULL DEFAULT 1 CHECK (version BETWEEN 1 AND 1000000000000000),
    deadline        bigint,
    unique_scope    bigint   CHECK (unique_scope BETWEEN 0 AND 1000000000000000), -- 0: until started, 1: until finished, else 2 + ms
    reuse_ms        bigint   CHECK (reuse_ms BETWEEN 0 AND 1000000000000000),
    started_at      bigint,
    settled_number  bigint,                     -- the newest token whose settle was accepted
    settled_bits    bigint,
    outage_since    bigint,                     -- when the first of the present series of outages ended
    timeout_ms      integer  CHECK (timeout_ms BETWEEN 1 AND 86400000),         -- the value that the job asks for; NULL: none
    granted_timeout_ms integer CHECK (granted_timeout_ms BETWEEN 1 AND 86400000), -- the value that its newest claim granted
    interruptions   integer  NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
    state           smallint NOT NULL CHECK (state BETWEEN 0 AND 1),    -- scheduled ready
    rank            smallint NOT NULL CHECK (rank BETWEEN -100 AND 100), -- the priority, negated: lower runs first
    attempt         smallint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts    smallint CHECK (max_attempts BETWEEN 1 AND 1000),           -- the value that the job asks for; NULL: none
    granted_attempts smallint CHECK (granted_attempts BETWEEN 1 AND 1000),      -- the value that its newest claim granted
    crashes         smallint NOT NULL DEFAULT 0 CHECK (crashes BETWEEN 0 AND 2), -- the third makes it dead
    outages         smallint NOT NULL DEFAULT 0 CHECK (outages >= 0),           -- attempts in a row that ended in an outage
    id              uuid     NOT NULL,
    worker          uuid,                       -- that ran it last
    queue           text     COLLATE "C" NOT NULL,
    kind            text     COLLATE "C" NOT NULL,
    payload         text     CHECK (octet_length(payload) <= 262144), -- unchanged JSON text; NULL: it is large, see `payload`
    turn            bigint,                     -- for fair scheduling of keys; not used yet
    key             text,
    tags            jsonb,                      -- an array of strings
    alias           text     COLLATE "C",
    unique_key      text     COLLATE "C",
    reuse_key       text     COLLATE "C",
    progress        text,                       -- JSON
    failures        jsonb    CHECK (jsonb_typeof(failures) = 'array'), -- see with_failure: the newest 20, oldest first
    PRIMARY KEY (id)
) WITH (
    fillfactor = 85,
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX waiting_seq       ON longshore.waiting (seq);
CREATE INDEX waiting_ready     ON longshore.waiting (queue, (crashes / 2), kind, rank, run_at, seq) WHERE state = 1; -- 1: must run isolated
CREATE INDEX waiting_scheduled ON longshore.waiting (queue, run_at) WHERE state = 0;
CREATE INDEX waiting_deadline  ON longshore.waiting (deadline)      WHERE deadline IS NOT NULL;
CREATE INDEX waiting_alias     ON longshore.waiting (alias, seq)    WHERE alias IS NOT NULL;

-- Jobs that a worker holds. It accepts everything that a corrupt row of `waiting` may contain, so that the row can be
-- moved out of the way.
CREATE TABLE longshore.running (
    seq             bigint,
    run_at          bigint,
    created_at      bigint,
    version         bigint,
    deadline        bigint,
    unique_scope    bigint,
    reuse_ms        bigint,
    started_at      bigint   NOT NULL,
    settled_number  bigint,
    settled_bits    bigint,
    token_number    bigint   NOT NULL,          -- of the claim that holds it
    token_bits      bigint   NOT NULL,
    lease_until     bigint   NOT NULL,
    outage_since    bigint,
    timeout_ms      integer,
    granted_timeout_ms integer,
    interruptions   integer,
    rank            smallint,
    attempt         smallint,
    max_attempts    smallint,
    granted_attempts smallint,
    crashes         smallint,
    outages         smallint,
    cancel_asked    boolean  NOT NULL DEFAULT false,
    id              uuid     NOT NULL,
    worker          uuid     NOT NULL,
    queue           text     COLLATE "C" NOT NULL,
    kind            text     COLLATE "C",
    payload         text,
    key             text,
    tags            jsonb,
    alias           text     COLLATE "C",
    unique_key      text     COLLATE "C",
    reuse_key       text     COLLATE "C",
    progress        text,
    failures        jsonb,
    PRIMARY KEY (id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX running_seq   ON longshore.running (seq);
CREATE INDEX running_lease ON longshore.running (lease_until, worker);
CREATE INDEX running_alias ON longshore.running (alias, seq) WHERE alias IS NOT NULL;

-- Final jobs. It accepts everything that a corrupt row may contain, like `running`.
CREATE TABLE longshore.history (
    seq             bigint,
    run_at          bigint,
    created_at      bigint,
    version         bigint,
    finished_at     bigint   NOT NULL,
    keep_until      bigint   NOT NULL,
    deadline        bigint,
    unique_scope    bigint,
    reuse_ms        bigint,
    started_at      bigint,
    settled_number  bigint,
    settled_bits    bigint,
    artifact        bigint,                     -- the number of the claim that created the result, if it is an artifact
    artifact_bytes  bigint,
    outage_since    bigint,
    timeout_ms      integer,
    granted_timeout_ms integer,
    interruptions   integer,
    state           smallint NOT NULL CHECK (state BETWEEN 3 AND 5),    -- succeeded dead cancelled
    rank            smallint,
    attempt         smallint,
    max_attempts    smallint,
    granted_attempts smallint,
    crashes         smallint,
    outages         smallint,
    cancel_asked    boolean,
    id              uuid     NOT NULL,
    worker          uuid,
    queue           text     COLLATE "C" NOT NULL,
    kind            text     COLLATE "C",
    payload         text,
    key             text,
    tags            jsonb,
    alias           text     COLLATE "C",
    unique_key      text     COLLATE "C",
    reuse_key       text     COLLATE "C",
    progress        text,
    failures        jsonb,
    reason          text,                       -- why it is dead
    result_type     text,
    result          bytea,                      -- if it is small text
    PRIMARY KEY (id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX history_seq   ON longshore.history (seq);
CREATE INDEX history_keep  ON longshore.history (keep_until);
CREATE INDEX history_dead  ON longshore.history (seq)                           WHERE state = 4;
CREATE INDEX history_reuse ON longshore.history (queue, reuse_key, finished_at) WHERE reuse_key IS NOT NULL AND state = 3;
CREATE INDEX history_alias ON longshore.history (alias, seq)                    WHERE alias IS NOT NULL;

-- The data of a queue apart from its jobs. A push never writes here, so a caller's long transaction blocks nobody.
CREATE TABLE longshore.queue (
    name            text     COLLATE "C" PRIMARY KEY,
    workers_since   bigint   NOT NULL DEFAULT 0,    -- since when workers have claimed from it without a gap of an hour
    workers_seen    bigint   NOT NULL DEFAULT 0,    -- when a worker last claimed from it
    rules           text,                           -- JSON; NULL: none were ever set
    rules_version   bigint   NOT NULL DEFAULT 0,    -- the number of changes
    rules_level     integer  NOT NULL DEFAULT 0,    -- what a program must know to apply them
    paused_until    bigint   NOT NULL DEFAULT 0,    -- from the rules: 0: not paused, 9223372036854775807: without end
    scheduled       bigint   NOT NULL DEFAULT 0,    -- counts, without the changes in count_change
    ready           bigint   NOT NULL DEFAULT 0,
    running         bigint   NOT NULL DEFAULT 0,
    succeeded       bigint   NOT NULL DEFAULT 0,
    dead            bigint   NOT NULL DEFAULT 0,
    cancelled       bigint   NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX queue_rules ON longshore.queue (rules_level) WHERE rules_level > 0;

-- Changes of counts: every transaction appends, nobody waits for others; upkeep adds them up (counts.sql).
CREATE TABLE longshore.count_change (
    queue           text     COLLATE "C" NOT NULL,
    scheduled       bigint   NOT NULL DEFAULT 0,
    ready           bigint   NOT NULL DEFAULT 0,
    running         bigint   NOT NULL DEFAULT 0,
    succeeded       bigint   NOT NULL DEFAULT 0,
    dead            bigint   NOT NULL DEFAULT 0,
    cancelled       bigint   NOT NULL DEFAULT 0,
    number          bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY   -- has no meaning
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Kinds that workers have asked for, and when one last did.
CREATE TABLE longshore.kind (
    name            text     COLLATE "C" PRIMARY KEY,
    seen            bigint   NOT NULL
) WITH (fillfactor = 50);

-- The state of workers that claims need.
CREATE TABLE longshore.worker (
    id              uuid     PRIMARY KEY,
    nonce           bigint   NOT NULL,              -- of its newest claim, to recognise a repeat
    first_claim     bigint   NOT NULL,              -- tokens of that claim have this number or a higher one
    released        boolean  NOT NULL,              -- its jobs were released, and its claims are refused
    seen            bigint   NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE longshore.unique_key (
    queue           text     COLLATE "C" NOT NULL,
    key             text     COLLATE "C" NOT NULL,
    job             uuid     NOT NULL,              -- that holds it
    until           bigint,                         -- NULL: until the job releases it
    PRIMARY KEY (queue, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE longshore.idempotency (
    queue           text     COLLATE "C" NOT NULL,
    key             text     COLLATE "C" NOT NULL,
    fingerprint     bytea    NOT NULL,              -- distinguishes a repeat from a different request
    job             uuid     NOT NULL,              -- the answer: this job,
    instead         smallint NOT NULL,              -- 0: created by the push, 1: held the unique key, 2: was reused
    until           bigint   NOT NULL,              -- kept until then, and as long as the job exists
    PRIMARY KEY (queue, key)
);
CREATE INDEX idempotency_until ON longshore.idempotency (until);

CREATE TABLE longshore.log (
    job             uuid     NOT NULL,
    claim           bigint   NOT NULL,              -- the number of its token
    text            text     NOT NULL,
    PRIMARY KEY (job, claim)
);

-- Results that are too large or too binary for a row.
CREATE TABLE longshore.artifact (
    job             uuid     NOT NULL,
    claim           bigint   NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    body            bytea    NOT NULL,
    PRIMARY KEY (job, claim)
);
ALTER TABLE longshore.artifact ALTER COLUMN body SET STORAGE EXTERNAL; -- images are already compressed

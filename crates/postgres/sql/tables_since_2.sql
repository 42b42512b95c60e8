-- Tables that version 2 added.

-- Payloads of more than 1,024 bytes. They are written once, and stay here when the job moves.
CREATE TABLE longshore.payload (
    job             uuid     PRIMARY KEY,
    text            text     NOT NULL CHECK (octet_length(text) <= 262144)
);

-- The tags of jobs, for lists.
CREATE TABLE longshore.job_tag (
    tag             text     COLLATE "C" NOT NULL,
    seq             bigint   NOT NULL,
    PRIMARY KEY (tag, seq)
);

-- The registry of workers, for people and supervisors; no lease depends on it.
CREATE TABLE longshore.worker_note (
    id              uuid     PRIMARY KEY,
    since           bigint   NOT NULL,
    seen            bigint   NOT NULL,
    note            text     NOT NULL               -- JSON: its description of itself
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX worker_note_seen ON longshore.worker_note (seen);

-- Workers that wait for work, and their processes. A lost row only causes a delay.
CREATE UNLOGGED TABLE longshore.waiter (
    worker          uuid     PRIMARY KEY,
    process         text     NOT NULL,              -- the name of its channel
    queues          text[]   NOT NULL,
    kinds           text[]   NOT NULL,
    waits           boolean  NOT NULL,
    seen            bigint   NOT NULL,              -- when it last claimed, by the server's clock
    told            bigint   NOT NULL               -- when it was last notified of a job
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

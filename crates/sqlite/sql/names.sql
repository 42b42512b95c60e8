-- The layout, version 3, first part: the store itself, and the names of queues and kinds. schema.sql creates all other
-- tables.

CREATE TABLE store (
    only           INTEGER PRIMARY KEY CHECK (only = 1),
    last_claim     INTEGER NOT NULL,          -- number of the newest token, growing for ever
    oldest_program INTEGER NOT NULL,          -- programs that know no newer layout than one before this may not write
    forgotten      INTEGER NOT NULL           -- counts how often queues or kinds were forgotten: then nobody's numbers of them hold any more
) STRICT;
INSERT INTO store VALUES (1, 0, 3, 0);

CREATE TABLE queue (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, for another name or the same
    name          TEXT    NOT NULL UNIQUE,
    workers_since INTEGER NOT NULL DEFAULT 0, -- since when workers have looked at it without an hour's gap
    workers_seen  INTEGER NOT NULL DEFAULT 0, -- when one last did
    used_at       INTEGER NOT NULL DEFAULT 0, -- when it was last pushed to, or its rules were changed
    rules_version INTEGER NOT NULL DEFAULT 0, -- counts the changes of the rules
    rules_level   INTEGER NOT NULL DEFAULT 0, -- what a program must know to keep them; 0: there are none
    rules         TEXT    NOT NULL DEFAULT '{}',
    scheduled     INTEGER NOT NULL DEFAULT 0, -- counters, kept by every transaction that moves a job
    ready         INTEGER NOT NULL DEFAULT 0,
    running       INTEGER NOT NULL DEFAULT 0,
    succeeded     INTEGER NOT NULL DEFAULT 0,
    dead          INTEGER NOT NULL DEFAULT 0,
    cancelled     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE kind (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    name    TEXT    NOT NULL UNIQUE,
    seen    INTEGER NOT NULL,                 -- when a worker that knows it last looked for jobs, or it was first pushed
    jobs    INTEGER NOT NULL DEFAULT 0        -- how many have it, in any state
) STRICT;

-- From version 2 to 3, last part: copies the names with their numbers, and counts the jobs of each kind.

UPDATE store SET last_claim = (SELECT last_claim FROM longshore_2_store);

INSERT INTO queue (id, name, workers_since, workers_seen, rules_version, rules_level, rules, scheduled, ready, running, succeeded, dead,
                   cancelled)
SELECT id, name, workers_since, workers_seen, rules_version, rules_level, rules, scheduled, ready, running, succeeded, dead, cancelled
FROM longshore_2_queue;

INSERT INTO kind (id, name, seen, jobs)
SELECT id, name, seen, coalesce(counted.jobs, 0) FROM longshore_2_kind
LEFT JOIN (SELECT kind, count(*) AS jobs FROM job GROUP BY kind) AS counted ON counted.kind = id;

DROP TABLE longshore_2_store;
DROP TABLE longshore_2_queue;
DROP TABLE longshore_2_kind;

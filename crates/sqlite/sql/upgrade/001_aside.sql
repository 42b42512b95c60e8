-- From version 1 to 2, first part: renames the tables of version 1. Then 002_names.sql and schema.sql create those of
-- version 2. References from tables, views and triggers of the application to our tables keep their names.
PRAGMA legacy_alter_table = ON;
DROP INDEX job_scheduled;
DROP INDEX job_ready;
DROP INDEX job_alone;
DROP INDEX job_running;
DROP INDEX job_final;
DROP INDEX job_dead;
DROP INDEX job_deadline;
DROP INDEX job_reuse;
DROP INDEX job_alias;
DROP INDEX unique_key_holder;
DROP INDEX idempotency_until;
ALTER TABLE store RENAME TO longshore_1_store;
ALTER TABLE queue RENAME TO longshore_1_queue;
ALTER TABLE kind RENAME TO longshore_1_kind;
ALTER TABLE worker RENAME TO longshore_1_worker;
ALTER TABLE job RENAME TO longshore_1_job;
ALTER TABLE unique_key RENAME TO longshore_1_unique_key;
ALTER TABLE idempotency RENAME TO longshore_1_idempotency;
ALTER TABLE log RENAME TO longshore_1_log;
ALTER TABLE failure RENAME TO longshore_1_failure;
PRAGMA legacy_alter_table = OFF;

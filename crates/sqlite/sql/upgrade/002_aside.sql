-- From version 2 to 3, first part: renames the tables that are replaced. Then names.sql creates those of version 3.
-- References from tables, views and triggers of the application to our tables keep their names.
PRAGMA legacy_alter_table = ON;
ALTER TABLE store RENAME TO longshore_2_store;
ALTER TABLE queue RENAME TO longshore_2_queue;
ALTER TABLE kind RENAME TO longshore_2_kind;
PRAGMA legacy_alter_table = OFF;

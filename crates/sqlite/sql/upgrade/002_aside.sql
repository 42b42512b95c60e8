-- From version 2 to 3, first part: moves the tables aside that are made anew. Then names.sql makes those of version 3.
-- References that tables, views and triggers of the application have to ours keep their names.
PRAGMA legacy_alter_table = ON;
ALTER TABLE store RENAME TO longshore_2_store;
ALTER TABLE queue RENAME TO longshore_2_queue;
ALTER TABLE kind RENAME TO longshore_2_kind;
PRAGMA legacy_alter_table = OFF;

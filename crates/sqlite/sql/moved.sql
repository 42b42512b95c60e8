-- Reads the data that is reported about a job that the store moved by itself.
-- In:  1 seq
-- Out: id, queue name, kind name, worker, attempt, crashes, state, reason
SELECT job.id, queue.name, kind.name, worker, attempt, crashes, state, reason
FROM job JOIN queue ON queue.id = job.queue JOIN kind ON kind.id = job.kind
WHERE seq = ?1

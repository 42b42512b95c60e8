-- Reads the part of a job that a waiting client needs.
-- In:  1 id
-- Out: state, attempt, the attempts granted or asked for, progress, reason, version, the newest failure's message
SELECT state, attempt, coalesce(granted_attempts, asked_attempts), progress, reason, version,
       (SELECT message FROM failure WHERE failure.seq = job.seq ORDER BY n DESC LIMIT 1)
FROM job WHERE id = ?1

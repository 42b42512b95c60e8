-- Finds the best ready jobs that must run isolated, of one kind in one queue, with the index only.
-- In:  1 queue  2 kind  3 limit
-- Out: rank, run_at, seq; best first
SELECT rank, run_at, seq FROM job
WHERE state = 1 AND crashes >= 2 AND queue = ?1 AND kind = ?2
ORDER BY rank, run_at, seq LIMIT ?3

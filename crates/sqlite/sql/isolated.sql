-- Finds the best ready jobs of one kind in one queue that must run isolated, from the index alone.
-- In:  1 queue  2 kind  3 limit
-- Out: rank, run_at, seq; best first
SELECT rank, run_at, seq FROM job
WHERE state = 1 AND crashes >= 2 AND queue = ?1 AND kind = ?2
ORDER BY rank, run_at, seq LIMIT ?3

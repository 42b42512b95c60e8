-- Finds what a worker still holds of one claim, for a claim whose answer was lost.
-- In:  1 worker  2 first token  3 last token
-- Out: id, payload, attempt, max_attempts, crashes, timeout_ms, token_number, token_bits, queue name, kind name
SELECT job.id, payload, attempt, max_attempts, crashes, timeout_ms, token_number, token_bits, queue.name, kind.name
FROM job JOIN queue ON queue.id = job.queue JOIN kind ON kind.id = job.kind
WHERE state = 2 AND worker = ?1 AND token_number BETWEEN ?2 AND ?3
ORDER BY token_number

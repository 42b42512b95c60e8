-- Reads what contradicts itself in jobs, see repair/job.rs.
-- In:  1 the seq from which to begin  2 how many
-- Out: seq, id, queue's name, state, queue, kind, tags, unique_key, unique_scope, reuse_ms, the payload of a job that waits; then whether
--      its queue and its kind are not there; it runs without a valid lease; it runs without a token; it has a token or a lease, and does not run;
--      it is final, and has no end; it has an end, and is not final; it is dead without a reason, or has one and is not dead;
--      some tag of it is not in job_tag; it must hold its unique key, and nobody does
SELECT job.seq, job.id, queue.name, state, job.queue, job.kind, tags, unique_key, unique_scope, reuse_ms,
       CASE WHEN state < 2 THEN coalesce(payload, (SELECT text FROM job_payload AS large WHERE large.seq = job.seq)) END,
       queue.id IS NULL, kind.id IS NULL,
       state = 2 AND (lease_boot IS NULL OR lease_until IS NULL OR lease_until NOT BETWEEN 0 AND 9007199254740992
                      OR coalesce(lease_ms, 1) NOT BETWEEN 1 AND 3600000),
       state = 2 AND (token_number IS NULL OR token_bits IS NULL),
       state <> 2 AND (token_number IS NOT NULL OR token_bits IS NOT NULL OR lease_boot IS NOT NULL OR lease_until IS NOT NULL),
       state >= 3 AND (finished_at IS NULL OR keep_until IS NULL),
       state < 3 AND (finished_at IS NOT NULL OR keep_until IS NOT NULL),
       (state = 4) <> (reason IS NOT NULL),
       EXISTS (SELECT 1 FROM json_each(iif(json_valid(tags), tags, '[]')) AS tagged
               WHERE NOT EXISTS (SELECT 1 FROM job_tag WHERE job_tag.tag = tagged.value AND job_tag.seq = job.seq)),
       state < 3 AND unique_scope = 1 AND unique_key IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM unique_key AS held JOIN job AS holder ON holder.seq = held.seq
                           WHERE held.queue = job.queue AND held.key = job.unique_key)
FROM job LEFT JOIN queue ON queue.id = job.queue LEFT JOIN kind ON kind.id = job.kind
WHERE job.seq >= ?1 ORDER BY job.seq LIMIT ?2

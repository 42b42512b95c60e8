-- From version 1 to 2, last part: the tags of jobs, for lists.
INSERT INTO longshore.job_tag (tag, seq)
SELECT DISTINCT t.tag, j.seq FROM (
    SELECT seq, tags FROM longshore.waiting UNION ALL SELECT seq, tags FROM longshore.running UNION ALL SELECT seq, tags FROM longshore.history
) j CROSS JOIN LATERAL longshore.tags_of(j.tags) AS t (tag)
WHERE j.tags IS NOT NULL AND j.seq IS NOT NULL;

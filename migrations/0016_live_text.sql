-- What a job holds in the database counts from its submit on, not only once it has ended: jobs.kept_bytes and owners.kept_bytes.
UPDATE jobs SET kept_bytes = (SELECT bytes FROM job_text WHERE job = jobs.id) WHERE state IN ('queued', 'running');
UPDATE owners SET kept_bytes = kept_bytes
    + (SELECT ifnull(sum(jobs.kept_bytes), 0) FROM jobs WHERE jobs.uid = owners.uid AND state IN ('queued', 'running'));

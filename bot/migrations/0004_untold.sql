-- a job that failed or was stopped, until its painter has been told
ALTER TABLE jobs ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_untold ON jobs (id) WHERE untold = 1;

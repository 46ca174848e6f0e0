ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'fast'
    CHECK (lane IN ('turbo', 'fast', 'relax'));
ALTER TABLE jobs ADD COLUMN cost REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN member INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN favourite INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN eta_s REAL;
ALTER TABLE jobs ADD COLUMN painted_at REAL;
ALTER TABLE jobs ADD COLUMN lease_until REAL;

UPDATE jobs SET cost = json_extract(request, '$.pictures')
    * json_extract(request, '$.num_inference_steps')
    * json_extract(request, '$.width') * json_extract(request, '$.height') / 1e6;

DROP INDEX jobs_unfinished;
CREATE INDEX jobs_by_state ON jobs (state, id, user_id, guild_id);
CREATE INDEX jobs_undeliverable ON jobs (user_id) WHERE state = 'undeliverable';
CREATE INDEX jobs_with_token ON jobs (id) WHERE token IS NOT NULL;
CREATE INDEX jobs_by_painting ON jobs (painted_at) WHERE painted_at IS NOT NULL;
CREATE INDEX jobs_by_start ON jobs (started_at) WHERE started_at IS NOT NULL;

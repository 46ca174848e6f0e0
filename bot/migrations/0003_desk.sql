-- The desk: words, blocks, warnings, reports, the audit log, what painters spent, verdicts.

CREATE TABLE words (
    guild_id INTEGER NOT NULL,
    word TEXT NOT NULL,
    weight TEXT NOT NULL CHECK (weight IN ('allow', 'warn', 'refuse', 'log')),
    PRIMARY KEY (guild_id, word)
) STRICT, WITHOUT ROWID;

-- guild 0 stands for everywhere: that is the operator's ban
CREATE TABLE blocks (
    guild_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    until REAL,
    reason TEXT NOT NULL,
    by_id INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE warnings (
    id INTEGER PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    by_id INTEGER NOT NULL,
    at REAL NOT NULL,
    told INTEGER NOT NULL
) STRICT;

CREATE INDEX warnings_untold ON warnings (guild_id, user_id) WHERE told = 0;

CREATE TABLE reports (
    message_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    guild_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    reporter_id INTEGER NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    at REAL NOT NULL,
    by_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;

CREATE INDEX audit_of_server ON audit (guild_id, id);

-- what quotas count: written with the job itself, so that no crash comes between
CREATE TABLE spent (
    job_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    guild_id INTEGER,
    pictures INTEGER NOT NULL,
    seconds REAL NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE INDEX spent_by_painter ON spent (user_id, guild_id, at);

INSERT INTO spent (job_id, user_id, guild_id, pictures, seconds, at)
SELECT id, user_id, guild_id, coalesce(json_extract(request, '$.pictures'), 4), 0.0, accepted_at
FROM jobs WHERE state NOT IN ('failed', 'cancelled');

CREATE TRIGGER spend AFTER INSERT ON jobs BEGIN
    INSERT OR REPLACE INTO spent (job_id, user_id, guild_id, pictures, seconds, at)
    VALUES (NEW.id, NEW.user_id, NEW.guild_id,
        coalesce(json_extract(NEW.request, '$.pictures'), 4), 0.0, NEW.accepted_at);
END;

CREATE TRIGGER spend_time AFTER UPDATE OF state ON jobs WHEN NEW.state = 'painted' BEGIN
    UPDATE spent SET seconds = max(NEW.changed_at - coalesce(NEW.started_at, NEW.changed_at), 0.0)
    WHERE job_id = NEW.id;
END;

CREATE TRIGGER refund AFTER UPDATE OF state ON jobs
WHEN NEW.state IN ('failed', 'cancelled') BEGIN
    DELETE FROM spent WHERE job_id = NEW.id;
END;

-- a picture cannot be kept, and so a job cannot be painted, without a verdict
CREATE TABLE judged (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tile INTEGER NOT NULL CHECK (tile BETWEEN 0 AND 3),
    seed INTEGER NOT NULL,
    file TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('unchecked', 'safe', 'unsafe')),
    PRIMARY KEY (job_id, tile)
) STRICT, WITHOUT ROWID;

INSERT INTO judged (job_id, tile, seed, file, width, height, verdict)
SELECT job_id, tile, seed, file, width, height, 'unchecked' FROM pictures;

DROP TABLE pictures;
ALTER TABLE judged RENAME TO pictures;

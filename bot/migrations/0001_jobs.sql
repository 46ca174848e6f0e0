CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN (
        'accepted', 'running', 'painted', 'delivering',
        'done', 'failed', 'cancelled', 'undeliverable')),
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    shown TEXT NOT NULL,
    request TEXT NOT NULL,
    guild_id INTEGER,
    token TEXT,
    image_url TEXT,
    parent_id INTEGER,
    parent_tile INTEGER,
    reply_to INTEGER,
    ack_message_id INTEGER,
    final_message_id INTEGER,
    ephemeral INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    accepted_at REAL NOT NULL,
    started_at REAL,
    changed_at REAL NOT NULL,
    CHECK (token IS NULL OR state NOT IN ('done', 'failed', 'cancelled', 'undeliverable'))
) STRICT;

CREATE INDEX jobs_unfinished ON jobs (state, id)
    WHERE state IN ('accepted', 'running', 'painted', 'delivering');
CREATE INDEX jobs_of_painter ON jobs (user_id, started_at);
CREATE INDEX jobs_by_ack ON jobs (ack_message_id) WHERE ack_message_id IS NOT NULL;

CREATE TABLE pictures (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tile INTEGER NOT NULL CHECK (tile BETWEEN 0 AND 3),
    seed INTEGER NOT NULL,
    file TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (job_id, tile)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    message_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    guild_id INTEGER,
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tile INTEGER CHECK (tile BETWEEN 0 AND 3),
    user_id INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_of_job ON messages (job_id);

CREATE TABLE guild_settings (
    guild_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (guild_id, key)
) STRICT, WITHOUT ROWID;

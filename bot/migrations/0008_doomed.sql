-- messages that are still to be deleted for somebody who asked to be forgotten; not whose they are
CREATE TABLE doomed (
    message_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL
) STRICT;

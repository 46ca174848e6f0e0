-- who has which picture among their favourites; -1 stands for a whole grid
CREATE TABLE favourites (
    user_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tile INTEGER NOT NULL CHECK (tile BETWEEN -1 AND 3),
    at REAL NOT NULL,
    PRIMARY KEY (user_id, job_id, tile)
) STRICT, WITHOUT ROWID;

CREATE INDEX favourites_of_job ON favourites (job_id);

-- what retention spares
CREATE TRIGGER favour AFTER INSERT ON favourites BEGIN
    UPDATE jobs SET favourite = 1 WHERE id = NEW.job_id;
END;

CREATE TRIGGER disfavour AFTER DELETE ON favourites BEGIN
    UPDATE jobs SET favourite = EXISTS (SELECT 1 FROM favourites WHERE job_id = OLD.job_id)
    WHERE id = OLD.job_id;
END;

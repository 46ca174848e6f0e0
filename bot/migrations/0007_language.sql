-- the language in which a job's message speaks, whoever looks at it
ALTER TABLE jobs ADD COLUMN language TEXT NOT NULL DEFAULT 'en';

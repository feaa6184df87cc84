ALTER TABLE given_up ADD COLUMN bytes BIGINT;

CREATE INDEX blob_bad ON blob (bad_since) WHERE bad_since IS NOT NULL;

CREATE INDEX content_bad ON content (bad_since) WHERE bad_since IS NOT NULL

ALTER TABLE tag_move ADD COLUMN media_type TEXT;

ALTER TABLE tag_move ADD COLUMN size BIGINT;

ALTER TABLE tag_move ADD COLUMN actor TEXT;

UPDATE tag_move SET
  media_type = (SELECT media_type FROM manifest
    WHERE manifest.repository = tag_move.repository AND manifest.digest = tag_move.digest),
  size = (SELECT size FROM manifest
    WHERE manifest.repository = tag_move.repository AND manifest.digest = tag_move.digest);

CREATE INDEX tag_move_time ON tag_move (repository, name, moved_at, number);

CREATE INDEX tag_move_digest ON tag_move (repository, name, digest, number);

CREATE INDEX tag_move_repository ON tag_move (repository, moved_at)

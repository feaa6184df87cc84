ALTER TABLE tag ADD COLUMN pushed_at BIGINT NOT NULL DEFAULT 0;

UPDATE tag SET pushed_at = COALESCE((SELECT MAX(moved_at) FROM tag_move
  WHERE tag_move.repository = tag.repository AND tag_move.name = tag.name), 0);

CREATE INDEX tag_pushed ON tag (repository, pushed_at, name);

CREATE TABLE retention_state (
  id BIGINT PRIMARY KEY,
  rules TEXT,
  pulls_since BIGINT,
  pushes_since BIGINT
);

INSERT INTO retention_state (id, pushes_since) SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM tag) THEN $NOW END;

CREATE TABLE retention (
  repository BIGINT PRIMARY KEY,
  due_at BIGINT NOT NULL,
  removals BIGINT NOT NULL
);

CREATE INDEX retention_due ON retention (due_at);

CREATE TABLE pull (
  repository BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  pulled_at BIGINT NOT NULL,
  PRIMARY KEY (repository, digest)
)

CREATE TABLE journal (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind BIGINT NOT NULL,
  repository BIGINT,
  digest BYTEA,
  tag TEXT,
  value TEXT,
  amount BIGINT,
  at BIGINT
);

CREATE TABLE journal_state (
  id BIGINT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  horizon BIGINT,
  state BIGINT NOT NULL,
  written BIGINT NOT NULL,
  last BIGINT NOT NULL
);

INSERT INTO journal_state (id, epoch, state, written, last) VALUES (1, 1, 0, 0, 0);

ALTER TABLE content ADD COLUMN place TEXT;

ALTER TABLE content ADD COLUMN is_stored BIGINT NOT NULL DEFAULT 0;

CREATE INDEX content_place ON content (place);

CREATE TABLE recovered (
  key TEXT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  number BIGINT NOT NULL,
  line TEXT NOT NULL
);

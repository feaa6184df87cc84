CREATE TABLE upload (
  id TEXT PRIMARY KEY,
  repository TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  received BIGINT NOT NULL,
  hash BYTEA,
  place TEXT,
  state BYTEA NOT NULL,
  turn BIGINT NOT NULL,
  taken_at BIGINT,
  touched_at BIGINT NOT NULL
);

CREATE INDEX upload_touched ON upload (touched_at);

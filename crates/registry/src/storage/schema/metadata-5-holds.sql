CREATE TABLE hold (
  repository BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  kind TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT,
  made_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (repository, digest, kind)
)

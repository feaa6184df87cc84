CREATE TABLE repository (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE blob (
  digest BYTEA PRIMARY KEY,
  size BIGINT NOT NULL,
  place TEXT NOT NULL
);

CREATE INDEX blob_place ON blob (place);

CREATE TABLE repository_blob (
  repository BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  kept_until BIGINT NOT NULL,
  PRIMARY KEY (repository, digest)
);

CREATE INDEX repository_blob_digest ON repository_blob (digest);

CREATE TABLE content (
  digest BYTEA PRIMARY KEY,
  bytes BYTEA NOT NULL
);

CREATE TABLE manifest (
  repository BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  media_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  subject BYTEA,
  referrer TEXT,
  artifact_type BYTEA,
  put_at BIGINT NOT NULL,
  kept_until BIGINT NOT NULL,
  PRIMARY KEY (repository, digest)
);

CREATE TABLE edge (
  repository BIGINT NOT NULL,
  parent BYTEA NOT NULL,
  space BIGINT NOT NULL,
  child BYTEA NOT NULL,
  PRIMARY KEY (repository, parent, space, child)
);

CREATE INDEX edge_child ON edge (repository, space, child);

CREATE INDEX manifest_digest ON manifest (digest);

CREATE INDEX manifest_subject ON manifest (repository, subject, digest);

CREATE TABLE tag (
  repository BIGINT NOT NULL,
  name TEXT NOT NULL,
  digest BYTEA NOT NULL,
  PRIMARY KEY (repository, name)
);

CREATE INDEX tag_digest ON tag (repository, digest);

CREATE TABLE tag_move (
  repository BIGINT NOT NULL,
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  digest BYTEA,
  moved_at BIGINT NOT NULL,
  PRIMARY KEY (repository, name, number)
);

CREATE TABLE review (
  repository BIGINT NOT NULL,
  space BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (repository, space, digest)
);

CREATE INDEX review_due ON review (due_at);

CREATE TABLE given_up (
  place TEXT PRIMARY KEY
);

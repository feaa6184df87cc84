CREATE TABLE event_endpoint (
  name TEXT PRIMARY KEY,
  kinds BIGINT NOT NULL
);

CREATE TABLE event_claim (
  endpoint TEXT PRIMARY KEY,
  holder TEXT,
  due_at BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  dropped BIGINT NOT NULL
);

CREATE TABLE event (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint TEXT NOT NULL,
  id TEXT NOT NULL,
  kind BIGINT NOT NULL,
  repository TEXT NOT NULL,
  digest BYTEA,
  tag TEXT,
  previous BYTEA,
  media_type TEXT,
  size BIGINT,
  actor TEXT,
  at BIGINT NOT NULL
);

CREATE INDEX event_of_endpoint ON event (endpoint, number)

ALTER TABLE blob ADD COLUMN bad_since BIGINT;

ALTER TABLE content ADD COLUMN bad_since BIGINT;

CREATE TABLE scrub (
  id BIGINT PRIMARY KEY,
  began_at BIGINT,
  ended_at BIGINT,
  space BIGINT NOT NULL,
  behind BYTEA,
  claimed_until BIGINT NOT NULL
);

INSERT INTO scrub (id, space, claimed_until) VALUES (1, 0, 0);

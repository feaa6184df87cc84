ALTER TABLE event_endpoint ADD COLUMN patterns TEXT

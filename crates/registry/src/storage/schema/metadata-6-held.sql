ALTER TABLE journal ADD COLUMN actor TEXT;

UPDATE journal_state SET horizon = NULL

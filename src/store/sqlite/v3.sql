-- Version 3. What the files of a device have set once is remembered, so that it can be taken back.

-- JSON, see `domain/settings/written.rs`; NULL: nothing.
ALTER TABLE device ADD COLUMN written TEXT;

-- What the passwords are made of that phones have of their own; NULL until it is needed.
ALTER TABLE system ADD COLUMN secret TEXT;

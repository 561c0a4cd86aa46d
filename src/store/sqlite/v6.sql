-- Version 6. What a phone must show before it gets its files, and what it showed before; what
-- people show beside their passwords.

-- JSON, see `domain/admission/state.rs`; NULL: nothing is known.
ALTER TABLE device ADD COLUMN admission TEXT;

-- JSON, see `domain/second_factor.rs`; NULL: there is none.
ALTER TABLE user ADD COLUMN second_factor TEXT;

-- Phones that are in use go on as they did: what would be refused is put on record only, until
-- somebody says `enforce`. A new store has no phones.
INSERT INTO system (one, settings, changed, revision)
SELECT 1, '{}', 0, max(revision) FROM device HAVING count(*) > 0
    ON CONFLICT (one) DO NOTHING;
UPDATE system SET settings = json_set(settings, '$.admission', json('{"mode":"report"}'))
 WHERE EXISTS (SELECT 1 FROM device);

-- Networks that get nothing. network: as `192.0.2.0/24`. told: JSON with the reason, who made it and
-- requests that led to it, see `domain/ban.rs`.
CREATE TABLE ban (
    network  TEXT PRIMARY KEY NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    times    INTEGER NOT NULL,
    told     TEXT NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE change ADD COLUMN ban TEXT;

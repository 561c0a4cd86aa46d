-- Version 2. What a phone must show before it gets its files, and what it showed before; what
-- people show beside their passwords.

-- JSON; NULL: nothing is known.
ALTER TABLE device ADD COLUMN admission text;

-- JSON; NULL: there is none.
ALTER TABLE user_account ADD COLUMN second_factor text;

-- Phones that are in use go on as they did: what would be refused is put on record only, until
-- somebody says `enforce`. A new store has no phones.
INSERT INTO system_settings (one, settings, changed, revision)
SELECT true, '{}', 0, max(revision) FROM device HAVING count(*) > 0
    ON CONFLICT (one) DO NOTHING;
UPDATE system_settings
   SET settings = (settings::jsonb || '{"admission": {"mode": "report"}}')::text
 WHERE EXISTS (SELECT FROM device);

-- Networks that get nothing. network: as `192.0.2.0/24`. told: JSON with the reason, who made it and
-- requests that led to it.
CREATE TABLE ban (
    network  text COLLATE "C" PRIMARY KEY,
    since    bigint NOT NULL,
    until    bigint NOT NULL,
    times    bigint NOT NULL,
    told     text NOT NULL,
    revision bigint NOT NULL
);

ALTER TABLE change ADD COLUMN ban text;

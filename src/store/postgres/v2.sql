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

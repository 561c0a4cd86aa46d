-- Version 1. Start with `SELECT * FROM phones`. Times are seconds since 1970, UTC. Texts that are
-- compared are compared byte by byte, whatever the database sorts by.

-- The newest row counts. compatible_from: the oldest version that a program may have been made
-- for and still use these tables, beside newer ones.
CREATE TABLE schema_version (
    version         integer PRIMARY KEY,
    compatible_from integer NOT NULL,
    applied         timestamptz NOT NULL DEFAULT now()
);

-- What there is one of. Each group of commits locks this row first, so that groups come one after
-- another and become visible in the order of their numbers. head: the revision of the last commit
-- that changed something; forgotten: changes up to that one are not in `change` any more; then the
-- numbers of the last group and of the last event.
CREATE TABLE store (
    one          boolean PRIMARY KEY CHECK (one),
    head         bigint NOT NULL,
    forgotten    bigint NOT NULL,
    commit_group bigint NOT NULL,
    event        bigint NOT NULL
);
INSERT INTO store VALUES (true, 0, 0, 0, 0);

-- The last groups. A stamp is random: who finds the one it knows under a number knows that all
-- up to there is as it was. head: the newest revision after the group.
CREATE TABLE commit_group (
    number bigint PRIMARY KEY,
    stamp  bigint NOT NULL,
    head   bigint NOT NULL
);

-- Which objects changed, in order of revision and of mutation in its commit: id is the revision
-- and then 10 bits of number. One column says which object; all NULL: the system settings. An
-- object named here and not there was removed.
CREATE TABLE change (
    id           bigint PRIMARY KEY,
    device       bigint,
    company      text,
    user_account bigint
);

CREATE TABLE company (
    id       text COLLATE "C" PRIMARY KEY,
    name     text NOT NULL,
    settings text NOT NULL,
    created  bigint NOT NULL,
    changed  bigint NOT NULL,
    revision bigint NOT NULL,
    -- Random: a company is told from another one that had its id before.
    instance bigint
);

-- All phones of one MAC. A first contact is one row here and none in `phone`: which ports wait
-- for an operator follows from the type. waiting: the first so many ports, but for those with a
-- row in `phone`, all since `created`; both NULL when none waits. first_seen and all that a request
-- tells is NULL when an operator made the device and nobody saw it yet. claims and written are
-- JSON; NULL: nothing. There is room in each page for what is noted of phones that are known.
CREATE TABLE device (
    mac         bigint PRIMARY KEY CHECK (mac BETWEEN 0 AND 281474976710655),
    changed     bigint NOT NULL,
    revision    bigint NOT NULL,
    created     bigint,
    first_seen  bigint,
    last_seen   bigint,
    served      bigint,
    waiting     integer,
    type        text NOT NULL,
    address     text,
    user_agent  text,
    type_guess  text,
    firmware    text,
    certificate text,
    claims      text,
    written     text,
    CHECK ((waiting IS NULL) = (created IS NULL))
) WITH (fillfactor = 90);

-- A phone that an operator made active, or gave a name or settings. company is NULL while the
-- phone is inactive. It is written with its device, whose row there is: a foreign key would lock
-- that once for each phone.
CREATE TABLE phone (
    mac      bigint NOT NULL,
    port     integer NOT NULL CHECK (port BETWEEN 0 AND 999),
    created  bigint NOT NULL,
    company  text COLLATE "C" REFERENCES company (id),
    name     text NOT NULL,
    settings text NOT NULL,
    PRIMARY KEY (mac, port)
);

-- For removing a company.
CREATE INDEX phone_by_company ON phone (company) WHERE company IS NOT NULL;

CREATE TABLE user_account (
    id            bigint PRIMARY KEY,
    created       bigint NOT NULL,
    revision      bigint NOT NULL,
    login         text COLLATE "C" NOT NULL UNIQUE,
    name          text NOT NULL,
    role          text NOT NULL,
    company       text COLLATE "C" REFERENCES company (id),
    password_hash text
);

CREATE TABLE user_company (
    user_account bigint NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    company      text COLLATE "C" NOT NULL REFERENCES company (id),
    PRIMARY KEY (user_account, position)
);

-- SHA-256 of each API key.
CREATE TABLE user_key (
    user_account bigint NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    PRIMARY KEY (user_account, position)
);

-- No row before the first write. secret: what the passwords are made of that phones have of
-- their own; NULL until it is needed.
CREATE TABLE system_settings (
    one      boolean PRIMARY KEY CHECK (one),
    settings text NOT NULL,
    changed  bigint NOT NULL,
    revision bigint NOT NULL,
    secret   text
);

-- The audit record, the newest million.
CREATE TABLE event (
    id      bigint PRIMARY KEY,
    at      bigint NOT NULL,
    who     text NOT NULL,
    address text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    name    text COLLATE "C" NOT NULL,
    company text COLLATE "C" NOT NULL,
    before  text NOT NULL,
    after   text NOT NULL
);

CREATE INDEX event_by_name ON event (name, id);
CREATE INDEX event_by_company ON event (company, id);

-- When a catalogue (by digest) was first served.
CREATE TABLE catalogue (
    digest text COLLATE "C" PRIMARY KEY,
    since  bigint NOT NULL
);

-- What files have set in a device outlives its removal: the device comes again. `id` counts up,
-- so that the oldest are known; `written` as in `device`.
CREATE TABLE left_in_device (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mac     bigint NOT NULL UNIQUE,
    written text NOT NULL
);

-- Always empty: filled and emptied again to learn whether there is room to write.
CREATE TABLE probe (
    filler text NOT NULL
);

-- For operators; the program does not read it.
CREATE VIEW phones AS
WITH every AS (
    SELECT mac, port, company, name, created FROM phone
    UNION ALL
    SELECT mac, waiting_port, NULL, '', created
      FROM device, generate_series(0, waiting - 1) AS waiting_port
     WHERE NOT EXISTS (SELECT 1 FROM phone
                        WHERE phone.mac = device.mac AND phone.port = waiting_port)
)
SELECT lpad(to_hex(mac), 12, '0') || port                     AS phoneid,
       lpad(to_hex(mac), 12, '0')                             AS mac,
       port,
       type,
       CASE WHEN company IS NULL THEN 'inactive' ELSE 'active' END AS state,
       company,
       name,
       to_timestamp(every.created)                            AS created,
       user_agent,
       address,
       to_timestamp(first_seen)                               AS first_seen,
       to_timestamp(last_seen)                                AS last_seen
  FROM every JOIN device USING (mac);

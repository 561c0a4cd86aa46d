-- Version 1. Readable with the stock sqlite3 tool (3.37 or newer): start with
-- `SELECT * FROM phones`. Times are seconds since 1970, UTC.

CREATE TABLE company (
    id       TEXT PRIMARY KEY NOT NULL,
    name     TEXT NOT NULL,
    settings TEXT NOT NULL,
    created  INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each phone. What belongs to its device (all phones of one MAC)
-- stands in each of them, always the same: a first contact, nearly always of
-- one phone, then changes one page of the file and not two, which is what
-- bounds how many are recorded in a second.
-- id is the 48 bits of the MAC and then 10 bits of port: in order of device.
-- company is NULL while the phone is inactive; first_seen and all that a
-- request tells is NULL when an operator made the device and nobody saw it yet.
CREATE TABLE phone (
    id          INTEGER PRIMARY KEY NOT NULL CHECK (id BETWEEN 0 AND 288230376151711743),
    mac         INTEGER AS (id >> 10) VIRTUAL,
    port        INTEGER AS (id & 1023) VIRTUAL,
    company     TEXT REFERENCES company (id),
    created     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    settings    TEXT NOT NULL,
    -- Of the device:
    type        TEXT NOT NULL,
    changed     INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    first_seen  INTEGER,
    last_seen   INTEGER,
    address     TEXT,
    user_agent  TEXT,
    type_guess  TEXT,
    firmware    TEXT,
    certificate TEXT
) STRICT;

-- For removing a company; first contacts, which are inactive, do not pay for it.
CREATE INDEX phone_by_company ON phone (company) WHERE company IS NOT NULL;

CREATE TABLE user (
    id            INTEGER PRIMARY KEY NOT NULL,
    login         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,
    company       TEXT REFERENCES company (id),
    password_hash TEXT,
    created       INTEGER NOT NULL,
    revision      INTEGER NOT NULL
) STRICT;

CREATE TABLE user_company (
    user     INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    company  TEXT NOT NULL REFERENCES company (id),
    PRIMARY KEY (user, position)
) STRICT, WITHOUT ROWID;

-- SHA-256 of each API key.
CREATE TABLE user_key (
    user     INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    hash     BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    PRIMARY KEY (user, position)
) STRICT, WITHOUT ROWID;

-- No row before the first write.
CREATE TABLE system (
    one      INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    settings TEXT NOT NULL,
    changed  INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

-- The audit record, the newest million. Whoever prunes it leaves the newest row:
-- the next id is counted from it.
CREATE TABLE event (
    id        INTEGER PRIMARY KEY NOT NULL,
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,
    address   TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    name      TEXT NOT NULL,
    company   TEXT NOT NULL,
    before    TEXT NOT NULL,
    after     TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_name ON event (name);
CREATE INDEX event_by_company ON event (company);

-- When a catalogue (by digest) was first served.
CREATE TABLE catalogue (
    digest TEXT PRIMARY KEY NOT NULL,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Always empty: written and emptied again to learn whether writing works.
CREATE TABLE probe (
    filler BLOB NOT NULL
) STRICT;

-- For operators; the program does not read it.
CREATE VIEW phones AS
SELECT printf('%012x%d', mac, port)                       AS phoneid,
       printf('%012x', mac)                               AS mac,
       port,
       type,
       iif(company IS NULL, 'inactive', 'active')         AS state,
       company,
       name,
       strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch')    AS created,
       user_agent,
       address,
       strftime('%Y-%m-%dT%H:%M:%SZ', first_seen, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%SZ', last_seen, 'unixepoch')  AS last_seen
  FROM phone;

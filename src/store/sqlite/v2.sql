-- Version 2. A device is one row whatever its type, one revision numbers the changes of the
-- whole store, and the last changes are remembered for those who follow them.

-- What there is one of. head: the revision of the last commit that changed something; forgotten:
-- changes up to that one are not in `change` any more.
CREATE TABLE store (
    one       INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    head      INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
) STRICT;

-- All that was there has the revision 1; a new store has nothing yet.
INSERT INTO store (one, head, forgotten)
SELECT 1, n, n FROM (SELECT EXISTS (SELECT 1 FROM company) AS n);
UPDATE company SET revision = 1;
UPDATE user SET revision = 1;
UPDATE system SET revision = 1;

-- Which objects changed, in order of revision and of mutation in its commit: id is the revision
-- and then 10 bits of number. One column says which object; all NULL: the system settings. An
-- object named here and not there was removed.
CREATE TABLE change (
    id      INTEGER PRIMARY KEY NOT NULL,
    device  INTEGER,
    company TEXT,
    user    INTEGER
) STRICT;

-- All phones of one MAC. A first contact is one row here and none in `phone`: which ports wait
-- for an operator follows from the type. waiting: the first so many ports, but for those with a
-- row in `phone`, all since `created`; both NULL when none waits. first_seen and all that a request
-- tells is NULL when an operator made the device and nobody saw it yet. claims (JSON) and served
-- are of requests, too.
CREATE TABLE device (
    mac         INTEGER PRIMARY KEY NOT NULL CHECK (mac BETWEEN 0 AND 281474976710655),
    type        TEXT NOT NULL,
    waiting     INTEGER,
    created     INTEGER,
    first_seen  INTEGER,
    last_seen   INTEGER,
    address     TEXT,
    user_agent  TEXT,
    type_guess  TEXT,
    firmware    TEXT,
    certificate TEXT,
    claims      TEXT,
    served      INTEGER,
    changed     INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    CHECK ((waiting IS NULL) = (created IS NULL))
) STRICT;

-- The ports of a device wait when nobody gave them anything, all came at one time, and no port of
-- the device is missing; else each keeps its row.
INSERT INTO device (mac, type, waiting, created, first_seen, last_seen, address, user_agent,
                    type_guess, firmware, certificate, changed, revision)
SELECT mac, type, iif(folds, waiting, NULL), iif(folds, created, NULL), first_seen, last_seen,
       address, user_agent, type_guess, firmware, certificate, changed, 1
  FROM (SELECT *, coalesce(oldest = created AND ports = count, FALSE) AS folds
          FROM (SELECT mac, type, first_seen, last_seen, address, user_agent, type_guess,
                       firmware, certificate, changed,
                       max(iif(bare, port, NULL)) + 1 AS waiting,
                       max(iif(bare, created, NULL)) AS created,
                       min(iif(bare, created, NULL)) AS oldest,
                       max(port) + 1 AS ports,
                       count(*) AS count
                  FROM (SELECT *, company IS NULL AND name = '' AND settings = '{}' AS bare
                          FROM phone)
                 GROUP BY id >> 10));

-- What the requests of a device that waits told of its type is a claim of as much weight as can
-- be seen: else whoever asks in its name next would tell it. The type of a device with an active
-- phone is an operator's.
UPDATE device
   SET claims = json_array(json_object(
           'phone_type', type,
           'strength', CASE
               WHEN type_guess IS NOT type THEN 'family'
               WHEN user_agent <> '' THEN 'user_agent'
               ELSE 'path'
           END,
           'first', first_seen,
           'last', last_seen,
           'address', address,
           'user_agent', user_agent))
 WHERE first_seen IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM phone WHERE phone.mac = device.mac AND company IS NOT NULL);

DROP VIEW phones;
DROP INDEX phone_by_company;
ALTER TABLE phone RENAME TO phone_of_version_1;

-- A phone that an operator made active, or gave a name or settings. id is the 48 bits of the MAC
-- and then 10 bits of port: in order of device. company is NULL while the phone is inactive.
CREATE TABLE phone (
    id       INTEGER PRIMARY KEY NOT NULL CHECK (id BETWEEN 0 AND 288230376151711743),
    mac      INTEGER AS (id >> 10) VIRTUAL,
    port     INTEGER AS (id & 1023) VIRTUAL,
    company  TEXT REFERENCES company (id),
    created  INTEGER NOT NULL,
    name     TEXT NOT NULL,
    settings TEXT NOT NULL
) STRICT;

INSERT INTO phone (id, company, created, name, settings)
SELECT old.id, old.company, old.created, old.name, old.settings
  FROM phone_of_version_1 AS old JOIN device ON device.mac = old.mac
 WHERE NOT (old.company IS NULL AND old.name = '' AND old.settings = '{}'
            AND device.waiting IS NOT NULL)
 ORDER BY old.id;

DROP TABLE phone_of_version_1;

-- For removing a company.
CREATE INDEX phone_by_company ON phone (company) WHERE company IS NOT NULL;

-- For operators; the program does not read it.
CREATE VIEW phones AS
WITH RECURSIVE waiting (mac, port, ports, created) AS (
    SELECT mac, 0, waiting, created FROM device WHERE waiting > 0
    UNION ALL
    SELECT mac, port + 1, ports, created FROM waiting WHERE port + 1 < ports
), every (mac, port, company, name, created) AS (
    SELECT mac, port, company, name, created FROM phone
    UNION ALL
    SELECT mac, port, NULL, '', created FROM waiting
     WHERE NOT EXISTS (SELECT 1 FROM phone WHERE phone.id = (waiting.mac << 10 | waiting.port))
)
SELECT printf('%012x%d', mac, port)                       AS phoneid,
       printf('%012x', mac)                               AS mac,
       port,
       type,
       iif(company IS NULL, 'inactive', 'active')         AS state,
       company,
       name,
       strftime('%Y-%m-%dT%H:%M:%SZ', every.created, 'unixepoch')    AS created,
       user_agent,
       address,
       strftime('%Y-%m-%dT%H:%M:%SZ', first_seen, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%SZ', last_seen, 'unixepoch')  AS last_seen
  FROM every JOIN device USING (mac);

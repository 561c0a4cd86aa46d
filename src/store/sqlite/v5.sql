-- Version 5. What files have set in a device outlives its removal: the device comes again.

-- `id` counts up, so that the oldest are known; `written` as in `device`.
CREATE TABLE left_in_device (
    id INTEGER PRIMARY KEY,
    mac INTEGER NOT NULL UNIQUE,
    written TEXT NOT NULL
) STRICT;

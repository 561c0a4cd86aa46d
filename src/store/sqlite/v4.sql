-- Version 4. A company is told from another one that had its id before.

-- Random; NULL: made when nobody told them apart.
ALTER TABLE company ADD COLUMN instance INTEGER;

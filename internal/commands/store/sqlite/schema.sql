CREATE TABLE deployments (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL,
  created INTEGER NOT NULL, -- times are milliseconds since 1970, 0 for none
  daemons TEXT NOT NULL     -- JSON array
) WITHOUT ROWID;

CREATE TABLE tokens (
  id   TEXT PRIMARY KEY,
  json TEXT NOT NULL        -- with hashes, never with secrets
) WITHOUT ROWID;

CREATE TABLE commands (
  id         TEXT PRIMARY KEY, -- sorts by creation, so new rows go to the end of the tree
  deployment TEXT NOT NULL,
  target     TEXT NOT NULL,
  type       TEXT NOT NULL,
  name       TEXT NOT NULL,
  state      TEXT NOT NULL,
  live       INTEGER NOT NULL, -- 0: over; 1: waits for its parameters; 2: in the queue; 3: out on a lease
  place      INTEGER NOT NULL, -- in the queue of its target
  attempt    INTEGER NOT NULL,
  holder     TEXT NOT NULL,
  until      INTEGER NOT NULL,
  deadline   INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  finished   INTEGER NOT NULL,
  error_code TEXT NOT NULL,
  blobs      INTEGER NOT NULL
) WITHOUT ROWID;

-- Bodies are apart, so that what changes often stays small.
CREATE TABLE bodies (
  id       TEXT PRIMARY KEY,
  params   TEXT,
  response TEXT
) WITHOUT ROWID;

CREATE TABLE keys (
  deployment TEXT NOT NULL,
  target     TEXT NOT NULL,
  name       TEXT NOT NULL,
  key        TEXT NOT NULL,
  command    TEXT NOT NULL,
  created    INTEGER NOT NULL,
  PRIMARY KEY (deployment, target, name, key)
) WITHOUT ROWID;
CREATE INDEX keys_by_age ON keys (created);

-- What is out leaves the queue, so that a lease need not look past it.
CREATE INDEX queue ON commands (deployment, target, place) WHERE live = 2;
CREATE INDEX out ON commands (deployment, target, until) WHERE live = 3;
CREATE INDEX lapsing ON commands (until) WHERE live = 3;
CREATE INDEX overdue ON commands (deadline) WHERE live > 0 AND deadline > 0;
CREATE INDEX finished ON commands (finished) WHERE live = 0;

CREATE TABLE polls (
  deployment TEXT NOT NULL,
  target     TEXT NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (deployment, target)
) WITHOUT ROWID;

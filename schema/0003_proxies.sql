-- Whom a change is waited for: proxies that are connected, or were until a short while ago. Read at
-- start, so that a daemon that was killed knows who will come back.

CREATE TABLE proxies (
    id       TEXT    PRIMARY KEY,
    lost_ms  INTEGER NOT NULL -- since 1970; 0: it was connected
) STRICT, WITHOUT ROWID;

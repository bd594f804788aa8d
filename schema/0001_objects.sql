-- What is true now. Applied once, in order, never edited after a release.

-- One row: where the database stands.
CREATE TABLE head (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- Revisions compare only within an epoch. New with the database, and with each restore.
    epoch       TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    -- The sum of object_digest over all objects, modulo 2^64, as a signed number.
    digest      INTEGER NOT NULL,
    routes      INTEGER NOT NULL,
    backends    INTEGER NOT NULL
) STRICT;

INSERT INTO head VALUES (1, lower(hex(randomblob(16))), 0, 0, 0, 0);

CREATE TABLE objects (
    kind              INTEGER NOT NULL, -- pointsman.v1.ObjectKind
    name              TEXT    NOT NULL,
    created_revision  INTEGER NOT NULL,
    revision          INTEGER NOT NULL,
    bytes             BLOB    NOT NULL, -- exactly what the feed sends
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Which routes name which backends, whether these exist or not.
CREATE TABLE backend_references (
    backend  TEXT NOT NULL,
    route    TEXT NOT NULL,
    PRIMARY KEY (backend, route)
) STRICT, WITHOUT ROWID;

CREATE INDEX backend_references_of_route ON backend_references (route);

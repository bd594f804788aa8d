-- How it came to be true: who changed what, when and why.

-- Changes up to and including this revision are gone. A feed resumes from here or later.
ALTER TABLE head ADD COLUMN compacted_revision INTEGER NOT NULL DEFAULT 0;

CREATE TABLE commits (
    revision       INTEGER PRIMARY KEY,
    last_sequence  INTEGER NOT NULL, -- of its changes; they follow those of the commit before
    digest         INTEGER NOT NULL, -- of everything at this revision
    made_ms        INTEGER NOT NULL, -- since 1970
    uid            INTEGER NOT NULL,
    gid            INTEGER NOT NULL,
    pid            INTEGER NOT NULL,
    command        TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    request_id     TEXT    NOT NULL
) STRICT;

CREATE TABLE changes (
    sequence  INTEGER PRIMARY KEY,
    revision  INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    before    BLOB, -- NULL: it was not there
    after     BLOB  -- NULL: it was deleted
) STRICT;

-- Its entries end in the sequence: an object's changes in order.
CREATE INDEX changes_of_object ON changes (kind, name);

-- First answers, for requests that are repeated.
CREATE TABLE requests (
    request_id   TEXT    PRIMARY KEY,
    fingerprint  INTEGER NOT NULL, -- of the request
    revision     INTEGER NOT NULL,
    answer       BLOB    NOT NULL  -- a pointsman.v1.ApplyResponse
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_of_revision ON requests (revision);

-- References that were made and dropped lately, in order, and are not in backend_references yet. A
-- batch of routes names many backends: it would write a page there for each.
CREATE TABLE reference_log (
    revision  INTEGER PRIMARY KEY,
    entries   BLOB    NOT NULL -- for each '+' or '-', the backend and the route, each ended by a 0
) STRICT;

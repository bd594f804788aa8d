-- Routes are kept by their ids: an HTTPRoute and a GRPCRoute may have one name. Until now they shared
-- their names, and a GRPCRoute was under its own. route_id and reference_log_ids are the daemon's:
-- control/store_route_ids.h.

-- An undo could put a route in the place of one of the other kind, in one change. That would be two
-- now: the history begins behind it.
UPDATE head SET compacted_revision = max(compacted_revision, coalesce(
    (SELECT max(revision) FROM changes
      WHERE kind = 1 AND before IS NOT NULL AND after IS NOT NULL
        AND route_id(name, before) <> route_id(name, after)), 0));

-- What names a route in here goes by what the route is now; if it is not there any more, nothing
-- does.
UPDATE reference_log SET entries = reference_log_ids(entries);
UPDATE backend_references
   SET route = (SELECT route_id(name, bytes) FROM objects WHERE kind = 1 AND name = route)
 WHERE route IN (SELECT name FROM objects WHERE kind = 1 AND route_id(name, bytes) <> name);

UPDATE objects SET name = route_id(name, bytes)
 WHERE kind = 1 AND route_id(name, bytes) <> name;
UPDATE changes SET name = route_id(name, coalesce(after, before))
 WHERE kind = 1 AND route_id(name, coalesce(after, before)) <> name;

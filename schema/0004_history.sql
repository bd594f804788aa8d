-- What the history is asked for: how much each commit changed, what it undid, and whether someone
-- has confirmed it.

ALTER TABLE commits ADD COLUMN created INTEGER NOT NULL DEFAULT 0; -- objects
ALTER TABLE commits ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE commits ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;

-- The revisions it took back; 0: it is no undo.
ALTER TABLE commits ADD COLUMN undoes_first INTEGER NOT NULL DEFAULT 0;
ALTER TABLE commits ADD COLUMN undoes_last INTEGER NOT NULL DEFAULT 0;

ALTER TABLE commits ADD COLUMN confirm_state INTEGER NOT NULL DEFAULT 0; -- pointsman.v1.ConfirmState
ALTER TABLE commits ADD COLUMN confirm_by_ms INTEGER NOT NULL DEFAULT 0; -- since 1970

-- The commit that is reverted unless someone confirms it; 0: none.
ALTER TABLE head ADD COLUMN pending_revision INTEGER NOT NULL DEFAULT 0;

-- A commit's changes follow those of the commit before.
UPDATE commits SET (created, updated, deleted) =
    (SELECT count(*) FILTER (WHERE before IS NULL),
            count(*) FILTER (WHERE before IS NOT NULL AND after IS NOT NULL),
            count(*) FILTER (WHERE after IS NULL)
       FROM changes
      WHERE sequence <= commits.last_sequence
        AND sequence > (SELECT coalesce(max(earlier.last_sequence), 0) FROM commits AS earlier
                         WHERE earlier.revision = commits.revision - 1));

-- Who is asked to join a workspace, by the address; the token is in the link alone. And keys of people
-- who were taken out of a workspace: they would work again when their people come back.

CREATE TABLE invitations (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    email        TEXT NOT NULL,
    email_key    TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    token_hash   BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    invited_by   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, email_key)
) STRICT;
CREATE INDEX invitations_of_inviter ON invitations (invited_by);
CREATE INDEX invitations_by_end ON invitations (expires_at);

DELETE FROM api_keys WHERE NOT EXISTS (
    SELECT 1 FROM memberships m WHERE m.workspace_id = api_keys.workspace_id
    AND m.user_id = api_keys.user_id);

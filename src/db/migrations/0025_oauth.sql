-- What people granted Ava at Google and Microsoft, one of a provider for each workspace. The access token stands
-- with the grant; the refresh token, which lives longer, in a table of its own, sealed by itself.
-- ended_at: not 0 once the provider said that the grant is over.
CREATE TABLE oauth_grants (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider     TEXT NOT NULL,
    account      TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    access       TEXT NOT NULL CHECK (access IN ('read', 'write')),
    granted_by   TEXT,
    version      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    life_ms      INTEGER NOT NULL,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (workspace_id, provider)
) STRICT;

CREATE TABLE oauth_refresh_tokens (
    id           TEXT PRIMARY KEY REFERENCES oauth_grants (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL,
    version      INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX oauth_refresh_tokens_of_workspace ON oauth_refresh_tokens (workspace_id);

-- Consents that were begun: known by the hash of their state, which is used once, by the session that began it.
-- What is sealed is the PKCE verifier. result: what became of it, for the session that asks again.
CREATE TABLE oauth_states (
    id           TEXT PRIMARY KEY,
    state_hash   BLOB NOT NULL UNIQUE CHECK (length(state_hash) = 32),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT NOT NULL,
    session      TEXT NOT NULL,
    provider     TEXT NOT NULL,
    access       TEXT NOT NULL CHECK (access IN ('read', 'write')),
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER NOT NULL DEFAULT 0,
    result       TEXT,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX oauth_states_of_workspace ON oauth_states (workspace_id, session);
CREATE INDEX oauth_states_by_end ON oauth_states (expires_at);

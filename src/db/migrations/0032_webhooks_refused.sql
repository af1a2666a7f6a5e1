-- Webhooks to an address whose proof was refused since the last good one, and when the last of them came.
ALTER TABLE webhook_endpoints ADD COLUMN refused_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoints ADD COLUMN refused_at INTEGER NOT NULL DEFAULT 0;
-- Mails that are with an e-mail service, by when they were sent.
CREATE INDEX messages_of_services ON messages (workspace_id, provider, created_at)
    WHERE channel = 'email' AND provider_id IS NOT NULL;

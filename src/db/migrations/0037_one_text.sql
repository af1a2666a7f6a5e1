-- The trigger of 0021 as both databases take it: what EXISTS says is no number on PostgreSQL.

DROP TRIGGER deliveries_opened /*pg ON deliveries */;
CREATE TRIGGER deliveries_opened AFTER UPDATE OF settled_at ON deliveries
WHEN OLD.settled_at > 0 AND NEW.settled_at = 0 AND NEW.resource <> ''
BEGIN
    UPDATE deliveries SET behind = CASE WHEN EXISTS (SELECT 1 FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.seq < NEW.seq
        AND b.settled_at = 0) THEN 1 ELSE 0 END WHERE seq = NEW.seq;
    UPDATE deliveries SET behind = 1 WHERE seq = (SELECT b.seq FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.seq > NEW.seq
        AND b.settled_at = 0 ORDER BY b.seq LIMIT 1);
END;

-- Of the deliveries of one call or text the first that is open goes out, and the next when that one is
-- settled. behind says which wait, so that whoever looks for what is due meets only the first of each call,
-- however many wait behind it. Whatever opens or settles a delivery, the triggers keep it true. (One that
-- is deleted while it is open goes with its destination, and all others with it.)
ALTER TABLE deliveries ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET behind = 1 WHERE settled_at = 0 AND resource <> '' AND EXISTS (SELECT 1
    FROM deliveries AS b INDEXED BY deliveries_in_order WHERE b.destination_id = deliveries.destination_id
    AND b.resource = deliveries.resource AND b.seq < deliveries.seq AND b.settled_at = 0);
CREATE INDEX deliveries_first ON deliveries (destination_id, next_at) WHERE settled_at = 0 AND behind = 0;

CREATE TRIGGER deliveries_added AFTER INSERT ON deliveries WHEN NEW.settled_at = 0 AND NEW.resource <> ''
BEGIN
    UPDATE deliveries SET behind = 1 WHERE seq = NEW.seq AND EXISTS (SELECT 1 FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.seq < NEW.seq
        AND b.settled_at = 0);
END;
CREATE TRIGGER deliveries_opened AFTER UPDATE OF settled_at ON deliveries
WHEN OLD.settled_at > 0 AND NEW.settled_at = 0 AND NEW.resource <> ''
BEGIN
    UPDATE deliveries SET behind = EXISTS (SELECT 1 FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.seq < NEW.seq
        AND b.settled_at = 0) WHERE seq = NEW.seq;
    UPDATE deliveries SET behind = 1 WHERE seq = (SELECT b.seq FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.seq > NEW.seq
        AND b.settled_at = 0 ORDER BY b.seq LIMIT 1);
END;
CREATE TRIGGER deliveries_settled_now AFTER UPDATE OF settled_at ON deliveries
WHEN OLD.settled_at = 0 AND NEW.settled_at > 0 AND NEW.resource <> ''
BEGIN
    UPDATE deliveries SET behind = 0 WHERE seq = (SELECT b.seq FROM deliveries AS b
        WHERE b.destination_id = NEW.destination_id AND b.resource = NEW.resource AND b.settled_at = 0
        ORDER BY b.seq LIMIT 1) AND behind = 1;
END;

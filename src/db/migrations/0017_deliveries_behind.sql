-- A delivery that waits behind another of its call or text is due when that one is settled, and not
-- before: next_at says so with a time that never comes. So whoever looks for what is due meets only the
-- first of each call, however many wait behind it.
UPDATE deliveries SET next_at = 4611686018427387904 WHERE settled_at = 0 AND resource <> '' AND EXISTS (SELECT 1
    FROM deliveries AS b INDEXED BY deliveries_in_order WHERE b.destination_id = deliveries.destination_id
    AND b.resource = deliveries.resource AND b.seq < deliveries.seq AND b.settled_at = 0);

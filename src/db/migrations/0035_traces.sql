-- Under which trace it was asked for, came in or is to be sent (W3C: traceparent, and tracestate behind a blank),
-- so that what goes on later is told as part of it. NULL: of an older version.
ALTER TABLE operations ADD COLUMN trace TEXT;
ALTER TABLE events ADD COLUMN trace TEXT;
ALTER TABLE deliveries ADD COLUMN trace TEXT;

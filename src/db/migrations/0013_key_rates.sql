-- How many requests a minute and route an API key may make; NULL: as many as a person.

ALTER TABLE api_keys ADD COLUMN rate_per_minute INTEGER CHECK (rate_per_minute > 0);

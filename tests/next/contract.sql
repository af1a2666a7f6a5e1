-- contract
-- What only the Ava before read.
DROP TABLE next_things;

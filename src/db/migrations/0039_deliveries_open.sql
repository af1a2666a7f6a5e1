-- What is open of a destination is found by deliveries_in_order as well. To PostgreSQL, while the table was new to it, this
-- index looked as good for the triggers of 0021 as that one, and each delivery of a backlog looked at all others of it.
DROP INDEX deliveries_open;

-- What the tests' statements ask of SQLite that PostgreSQL has by other names or not at all, in a schema that Ava does not see.
SET client_min_messages = error;
CREATE SCHEMA IF NOT EXISTS tests;
SET search_path TO public, tests;

CREATE OR REPLACE FUNCTION tests.zeroblob(n bigint) RETURNS bytea LANGUAGE sql AS $$ SELECT decode(repeat('00', n::int), 'hex') $$;
CREATE OR REPLACE FUNCTION tests.randomblob(n bigint) RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT substr(string_agg(uuid_send(gen_random_uuid()), ''::bytea), 1, n::int) FROM generate_series(1, (n + 15) / 16) $$;
CREATE OR REPLACE FUNCTION tests.hex(b bytea) RETURNS text LANGUAGE sql AS $$ SELECT upper(encode(b, 'hex')) $$;
CREATE OR REPLACE FUNCTION tests.strpos(b bytea, part bytea) RETURNS int LANGUAGE sql AS $$ SELECT position(part IN b) $$;
CREATE OR REPLACE FUNCTION tests.ifnull(a text, b text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(a, b) $$;
CREATE OR REPLACE FUNCTION tests.iif(c boolean, a text, b text) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN c THEN a ELSE b END $$;
CREATE OR REPLACE FUNCTION tests.iif(c boolean, a bigint, b bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT CASE WHEN c THEN a ELSE b END $$;
CREATE OR REPLACE FUNCTION tests.printf(format text, VARIADIC numbers bigint[]) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE p text[]; t text; n bigint;
  BEGIN
    FOREACH n IN ARRAY numbers LOOP
      p := regexp_match(format, '(%0?(\d*)([dx]))');
      t := CASE p[3] WHEN 'x' THEN to_hex(n) ELSE n::text END;
      format := overlay(format placing lpad(t, greatest(length(t), coalesce(nullif(p[2], '')::int, 0)), '0') from strpos(format, p[1]) for length(p[1]));
    END LOOP;
    RETURN format;
  END $$;

CREATE OR REPLACE FUNCTION tests.joined(a text, b text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(a || ',' || b, a, b) $$;
CREATE OR REPLACE FUNCTION tests.joined(a text, b text, by text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(a || by || b, a, b) $$;
CREATE OR REPLACE AGGREGATE tests.group_concat(text) (sfunc = tests.joined, stype = text);
CREATE OR REPLACE AGGREGATE tests.group_concat(text, text) (sfunc = tests.joined, stype = text);

-- Takes away all rows, as if the tables had just been made: much cheaper than another database.
CREATE OR REPLACE PROCEDURE tests.empty() LANGUAGE plpgsql AS $$
  DECLARE t record;
  BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
      EXECUTE format('DELETE FROM public.%I', t.tablename);
    END LOOP;
    FOR t IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
      EXECUTE format('ALTER SEQUENCE public.%I RESTART', t.sequencename);
    END LOOP;
  END $$;

CREATE OR REPLACE VIEW tests.sqlite_schema AS SELECT 'table' AS type, CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = 'public';
CREATE OR REPLACE FUNCTION tests.pragma_table_info(of text) RETURNS TABLE (name text, type text) LANGUAGE sql AS $$
  SELECT CAST(column_name AS text), CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE upper(data_type) END
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name = of ORDER BY ordinal_position $$;

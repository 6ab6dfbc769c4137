-- Roles and the first database; run once by psql, as the superuser, on the new primary.
--
-- The passwords are for development and written down on purpose: such a cluster holds nothing worth a secret. That of the
-- superuser `postgres` is given to initdb (`POSTGRES_PASSWORD` in Docker) and is `postgres`.

CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'replicator';

-- What an application is: no superuser, owner of its database, and allowed to see how replication is going
-- (pg_monitor), which routing by position needs.
CREATE ROLE app LOGIN PASSWORD 'app';
GRANT pg_monitor TO app;

-- From PostgreSQL 15 on the schema `public` belongs to the owner of the database, so `app` may create tables there.
CREATE DATABASE app OWNER app;

#!/bin/sh
# The service's database and roles. Patroni runs this once, on the node that makes the cluster,
# with the database's address as the argument.
#
# Of 200 connections 20 stay free for the superuser, Patroni and backups. Writes that wait for a
# replica hold theirs; what only reads has a role, and so a share, of its own.
set -eu
# The passwords from the environment: an argument would be seen in the list of processes.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$1" <<'SQL'
\getenv password SOCIAL_PASSWORD
\getenv read_password SOCIAL_READ_PASSWORD
CREATE ROLE social LOGIN PASSWORD :'password' CONNECTION LIMIT 120;
CREATE ROLE social_read LOGIN PASSWORD :'read_password' CONNECTION LIMIT 60;
CREATE DATABASE social OWNER social ENCODING 'UTF8' TEMPLATE template0;
\connect social
ALTER DEFAULT PRIVILEGES FOR ROLE social IN SCHEMA public GRANT SELECT ON TABLES TO social_read;
SQL

-- Run once by Patroni when it makes the cluster: the role and the database of the collectors.
\getenv password PROBE_DATABASE_PASSWORD
CREATE ROLE probe LOGIN PASSWORD :'password';
CREATE DATABASE probe OWNER probe ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE probe FROM PUBLIC;

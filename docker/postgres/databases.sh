#!/bin/sh
# One database and one user for each that keeps something: runs once, on an empty volume.
set -eu
make() {
  psql --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" --username "$POSTGRES_USER" <<'SQL'
CREATE USER :"name" PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
}
make iceberg "$ICEBERG_DB_PASSWORD"
make airflow "$AIRFLOW_DB_PASSWORD"
make superset "$SUPERSET_DB_PASSWORD"

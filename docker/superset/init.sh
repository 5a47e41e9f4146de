#!/bin/sh
# Superset's tables, its administrator and the database "Trino Lakehouse"; safe to repeat.
set -eu
superset db upgrade
superset fab create-admin --username "$SUPERSET_USERNAME" --password "$SUPERSET_PASSWORD" \
  --firstname Lake --lastname Fall --email admin@localhost
superset init
superset set-database-uri --database_name "Trino Lakehouse" --uri trino://lakefall@trino:8080/iceberg

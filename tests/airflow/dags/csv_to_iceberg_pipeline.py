"""The pipeline that was there before lakefall: one CSV file, one table, one row a statement."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from urllib.parse import urlsplit

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False)
def csv_to_iceberg_pipeline() -> None:
    @task
    def load() -> int:
        import boto3
        import trino

        s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"])
        body = s3.get_object(Bucket="lakehouse", Key="sales_sample.csv")["Body"].read().decode()
        url = urlsplit(os.environ["TRINO_URL"])
        rows = list(csv.DictReader(body.splitlines()))
        with trino.dbapi.connect(host=url.hostname, port=url.port, user="sales") as connection:
            cursor = connection.cursor()
            for row in rows:
                cursor.execute(
                    "INSERT INTO iceberg.lakehouse.sales (order_id, customer, quantity) "
                    "VALUES (?, ?, ?)",
                    (int(row["order_id"]), row["customer"], int(row["quantity"])),
                )
                cursor.fetchall()
        return len(rows)

    load()


csv_to_iceberg_pipeline()

"""The variables that pipelines read, made from a stack's settings."""

from __future__ import annotations

from .seaweedfs import INGEST_BUCKET, REGION
from .settings import Settings
from .superset import ADMIN


def variables(settings: Settings) -> dict[str, str]:
    """Addresses and credentials, by the names that ``pipelines/csv_auto_ingest.yaml`` has."""
    return {
        "S3_ENDPOINT_URL": settings.url("s3"),
        "AWS_ACCESS_KEY_ID": settings.secrets["s3_key"],
        "AWS_SECRET_ACCESS_KEY": settings.secrets["s3_secret"],
        "AWS_REGION": REGION,
        "S3_INGEST_BUCKET": INGEST_BUCKET,
        "ICEBERG_REST_URI": settings.url("rest"),
        "TRINO_URL": settings.url("trino"),
        "SUPERSET_URL": settings.url("superset"),
        "SUPERSET_USERNAME": ADMIN,
        "SUPERSET_PASSWORD": settings.secrets["superset"],
    }

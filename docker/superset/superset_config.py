"""Superset's settings in docker-compose.yml."""

import os

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_METADATA_URI"]
WTF_CSRF_ENABLED = True
CACHE_CONFIG = {
    "CACHE_TYPE": "RedisCache",
    "CACHE_KEY_PREFIX": "superset_",
    "CACHE_REDIS_URL": os.environ["SUPERSET_REDIS_URL"],
}
DATA_CACHE_CONFIG = {**CACHE_CONFIG, "CACHE_KEY_PREFIX": "superset_data_"}
RATELIMIT_STORAGE_URI = os.environ["SUPERSET_REDIS_URL"]

# Superset with the drivers of Trino and PostgreSQL; cachetools and rich it imports undeclared.
ARG SUPERSET_VERSION
FROM apache/superset:${SUPERSET_VERSION}
ARG SUPERSET_VERSION
USER root
RUN . /app/.venv/bin/activate && \
    uv pip install --no-cache "apache-superset[trino]==${SUPERSET_VERSION}" psycopg2-binary redis cachetools rich
USER superset

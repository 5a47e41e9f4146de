# Airflow with lakefall and what its pipelines need.
ARG AIRFLOW_VERSION
FROM apache/airflow:${AIRFLOW_VERSION}-python3.12
ARG AIRFLOW_VERSION
COPY --chown=airflow:0 pyproject.toml README.md LICENSE /opt/lakefall/
COPY --chown=airflow:0 framework /opt/lakefall/framework
COPY --chown=airflow:0 plugins /opt/lakefall/plugins
# Airflow's own version stands beside it, so that no dependency of ours can move it.
# The providers are those that `schedule.events` needs.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "/opt/lakefall[all]" \
  apache-airflow-providers-common-messaging "apache-airflow-providers-amazon[aiobotocore]"

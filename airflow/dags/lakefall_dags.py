"""Every pipeline file with a `schedule` becomes an Airflow DAG.

The folder is what LAKEFALL_PIPELINES says, else `pipelines` beside this file's folder or above.
"""

from lakefall.airflow import build, folder

globals().update(build(folder(__file__)))

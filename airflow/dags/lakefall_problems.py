"""Pipeline files that are no good, as an Airflow import error with file and line.

Airflow drops every DAG of a file that cannot be imported: here there is none to drop.
"""

from lakefall.airflow import check, folder

check(folder(__file__))

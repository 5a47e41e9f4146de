"""The real servers for tests and for a laptop, without containers.

SeaweedFS, Iceberg's REST catalog on PostgreSQL, Trino and Superset as processes on 127.0.0.1:
``python -m stack up|down|status|env|run``, or from Python::

    stack = Stack(folder)
    stack.up()
    stack.stop("trino")
    stack.start("trino")      # the same port, the same data
    stack.env()               # the variables that pipelines/csv_auto_ingest.yaml reads
    stack.down()

Only for development: credentials stand in a file, no connection is encrypted.
"""

from .errors import StackError
from .stack import Stack

__all__ = ["Stack", "StackError"]

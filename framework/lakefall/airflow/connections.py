"""``${airflow_conn:NAME.FIELD}``: a field of an Airflow connection, looked up in the task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lakefall.config.environment import Lookup

FIELDS = ("login", "password", "host", "port", "schema", "uri")
_WHAT = re.compile(rf"(?P<name>.+?)\.(?P<field>{'|'.join(FIELDS)}|extra\.(?P<extra>.+))")


def lookup(what: str) -> str:
    """The value of ``NAME.FIELD``. Airflow masks passwords and secret extras in its logs.

    Raises:
        LookupError: there is no such connection, or it has no such field.
    """
    match = _WHAT.fullmatch(what)
    if match is None:
        raise LookupError(f"expected NAME.FIELD with one of {', '.join(FIELDS)}, or NAME.extra.KEY")
    connection = _connection(match["name"])
    if match["extra"]:
        value = connection.extra_dejson.get(match["extra"])
    elif match["field"] == "uri":
        value = connection.get_uri()
    else:
        value = getattr(connection, match["field"])
    if value is None or value == "":
        raise LookupError(
            f"Airflow's connection {match['name']!r} has no {match['field']}; add it there"
        )
    return str(value)


def _connection(name: str) -> Any:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        raise LookupError(
            f"Airflow has no connection {name!r}; add it under Admin > Connections"
        ) from None


LOOKUPS: Mapping[str, Lookup] = {"airflow_conn": lookup}

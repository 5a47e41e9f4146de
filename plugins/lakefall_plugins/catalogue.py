"""The built-in plugins by stage and name.

Strings, so that a pipeline imports only the plugins that it uses.
"""

from __future__ import annotations

BUILTINS: tuple[tuple[str, str, str], ...] = (
    ("source", "folder", "lakefall_plugins.folder:FolderSource"),
    ("source", "s3", "lakefall_plugins.s3.source:S3Source"),
    ("sniffer", "csv", "lakefall_plugins.csv.sniffer:CsvSniffer"),
    ("sniffer", "stdlib", "lakefall_plugins.csv.stdlib_sniffer:StdlibSniffer"),
    ("reader", "csv", "lakefall_plugins.csv.reader:CsvReader"),
    ("type_inferer", "threshold", "lakefall_plugins.threshold:ThresholdInferer"),
    ("type", "boolean", "lakefall_plugins.types.boolean:Boolean"),
    ("type", "integer", "lakefall_plugins.types.numbers:Integer"),
    ("type", "bigint", "lakefall_plugins.types.numbers:Bigint"),
    ("type", "double", "lakefall_plugins.types.numbers:Double"),
    ("type", "decimal", "lakefall_plugins.types.decimal:Decimal"),
    ("type", "date", "lakefall_plugins.types.date:Date"),
    ("type", "time", "lakefall_plugins.types.time:Time"),
    ("type", "timestamp", "lakefall_plugins.types.timestamp:Timestamp"),
    ("type", "timestamp_tz", "lakefall_plugins.types.timestamp:TimestampTz"),
    ("type", "uuid", "lakefall_plugins.types.uuid:Uuid"),
    ("type", "json", "lakefall_plugins.types.json:Json"),
    ("type", "varchar", "lakefall_plugins.types.varchar:Varchar"),
    ("validator", "pandera", "lakefall_plugins.pandera:PanderaValidator"),
    ("sink", "iceberg", "lakefall_plugins.iceberg.sink:IcebergSink"),
    ("sink", "trino", "lakefall_plugins.trino.sink:TrinoSink"),
    ("catalog_registrar", "trino", "lakefall_plugins.trino.registrar:TrinoRegistrar"),
    ("catalog_registrar", "superset", "lakefall_plugins.superset.registrar:SupersetRegistrar"),
)
"""Stage, the name that ``use:`` says, and ``module:Class``."""

"""The built-in plugins by stage and name.

Strings, so that a pipeline imports only the plugins that it uses, and reading its file only their
options.
"""

from __future__ import annotations

_HERE = __name__.rpartition(".")[0]
_ALL = (
    ("source", "folder", "sources.folder:FolderSource", "sources.folder:FolderOptions"),
    ("source", "s3", "sources.s3.source:S3Source", "sources.s3.options:S3Options"),
    ("sniffer", "csv", "formats.csv.sniffer:CsvSniffer", "formats.csv.options:CsvSnifferOptions"),
    (
        "sniffer",
        "stdlib",
        "formats.csv.stdlib_sniffer:StdlibSniffer",
        "formats.csv.stdlib_sniffer:StdlibSnifferOptions",
    ),
    (
        "sniffer",
        "parquet",
        "formats.parquet.sniffer:ParquetSniffer",
        "formats.parquet.sniffer:ParquetSnifferOptions",
    ),
    ("reader", "csv", "formats.csv.reader:CsvReader", "formats.csv.options:CsvReaderOptions"),
    (
        "sniffer",
        "excel",
        "formats.excel.plugins:ExcelSniffer",
        "formats.excel.options:ExcelSnifferOptions",
    ),
    (
        "reader",
        "excel",
        "formats.excel.plugins:ExcelReader",
        "formats.excel.options:ExcelReaderOptions",
    ),
    (
        "reader",
        "parquet",
        "formats.parquet.reader:ParquetReader",
        "formats.parquet.reader:ParquetReaderOptions",
    ),
    (
        "sniffer",
        "jsonl",
        "formats.jsonl.sniffer:JsonlSniffer",
        "formats.jsonl.format:JsonlSnifferOptions",
    ),
    (
        "reader",
        "jsonl",
        "formats.jsonl.reader:JsonlReader",
        "formats.jsonl.format:JsonlReaderOptions",
    ),
    (
        "type_inferer",
        "threshold",
        "inference.threshold:ThresholdInferer",
        "inference.options:ThresholdOptions",
    ),
    ("type", "boolean", "types.boolean:Boolean", ""),
    ("type", "integer", "types.numbers:Integer", ""),
    ("type", "bigint", "types.numbers:Bigint", ""),
    ("type", "double", "types.numbers:Double", ""),
    ("type", "decimal", "types.decimal:Decimal", "types.options:DecimalOptions"),
    ("type", "date", "types.date:Date", ""),
    ("type", "time", "types.time:Time", ""),
    ("type", "timestamp", "types.timestamp:Timestamp", "types.options:TimestampOptions"),
    ("type", "timestamp_tz", "types.timestamp:TimestampTz", ""),
    ("type", "uuid", "types.uuid:Uuid", ""),
    ("type", "json", "types.json:Json", ""),
    ("type", "varchar", "types.varchar:Varchar", ""),
    (
        "validator",
        "pandera",
        "validators.pandera:PanderaValidator",
        "validators.pandera:PanderaOptions",
    ),
    ("sink", "iceberg", "sinks.iceberg.sink:IcebergSink", "sinks.iceberg.options:IcebergOptions"),
    ("sink", "trino", "sinks.trino.sink:TrinoSink", "sinks.trino.options:TrinoOptions"),
    (
        "catalog_registrar",
        "trino",
        "registrars.trino.registrar:TrinoRegistrar",
        "registrars.trino.options:TrinoRegistrarOptions",
    ),
    (
        "catalog_registrar",
        "superset",
        "registrars.superset.registrar:SupersetRegistrar",
        "registrars.superset.options:SupersetOptions",
    ),
    (
        "notifier",
        "folder",
        "notifiers.folder:FolderNotifier",
        "notifiers.folder:FolderNotifierOptions",
    ),
    ("notifier", "webhook", "notifiers.webhook:Webhook", "notifiers.webhook:WebhookOptions"),
    ("notifier", "sqs", "notifiers.sqs:Sqs", "notifiers.sqs:SqsOptions"),
)
BUILTINS: tuple[tuple[str, str, str, str], ...] = tuple(
    (stage, name, f"{_HERE}.{plugin}", options and f"{_HERE}.{options}")
    for stage, name, plugin, options in _ALL
)
"""Stage, the name that ``use:`` says, and ``module:Class`` of the plugin and of its options; ``''``
for one that has none."""

"""CSV files: sniffers and the reader.

``sniffer`` and ``reader`` are the plugins, ``stdlib_sniffer`` is the letter of the specification.
The packages are the steps: ``encoding`` (bytes to text), ``sniffing`` (how the file is written),
``reading`` (records, counted), ``converting`` (records to typed Parquet). ``relation`` and
``lines`` are how other plugins read opened records.
"""

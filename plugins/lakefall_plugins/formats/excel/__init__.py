"""Workbooks.

``plugins`` has the sniffer and the reader, ``workbook`` opens files, ``layout`` finds the table in
a sheet, ``reading`` stacks the records, ``columns`` types them, ``options`` has the format.
"""

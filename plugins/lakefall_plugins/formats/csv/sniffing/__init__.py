"""How a CSV file is written: every plausible way of reading its beginning, scored.

``dialect`` puts the answer together. ``selection`` finds the best way of reading a ``sample``: the
candidates of ``delimiters`` split it into rows (``splitting``); where quotes and escapes stand
rules some out (``quoting``); ``scoring`` adds up the cost of the others from the widths of the rows
and the kinds of the ``cells``. ``layout`` finds the table's edges (preamble, comments, footer, a
second table) and ``header`` its names.
"""

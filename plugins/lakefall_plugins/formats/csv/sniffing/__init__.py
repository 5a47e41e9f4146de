"""How a CSV file is written: every plausible way of reading its beginning, weighed.

``dialect`` puts the answer together. ``weighing`` looks at more text (``sample``, ``beyond``) while
it does not decide; ``contest`` finds the best of all ``candidates`` by ``scoring`` their rows
(``splitting``) and ``cells``, with ``ambiguity`` for characters that may belong to values, ``rare``
and ``several`` for unusual delimiters, and ``short`` for records that leave fields out;
``confidence`` says how sure it is. The table's edges are found by ``layout`` (above it), ``footer``
(below it), ``header`` (whether there is one) and ``structure`` (what belongs to it; ``units``).
"""

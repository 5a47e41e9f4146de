"""Built-in types: text in, a value or NULL out, as strict DuckDB expressions.

DuckDB's own casts are lenient: ``'10.75'`` becomes the integer 11, ``'00501'`` 501, ``'1_000'``
1000, and an offset in a timestamp is dropped. So every cast here stands behind a guard. A guard
is a comparison that costs little where one decides the same (a canonical integer reads back as
it was written); the type's own pattern decides the rest.
"""

"""Columns whose type the file itself declares: kept, and never inferred.

An inferer sees text only. Where all files that have a column declare one type, that is its type;
where they do not agree, or the options set it, the values are judged by their texts, as those of
other files are; the text of a struct, list or map is JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from lakefall.common import naming
from lakefall.contract.values import Column, FileColumn, Records, Schema, TableState, text_column
from lakefall.tabular.columns import cell_text
from lakefall.tabular.evidence import FileEvidence, of_others, pack

if TYPE_CHECKING:
    from lakefall.contract.run import Run

DECLARED = "declared by the file"


def infer(
    run: Run,
    records: Sequence[Records],
    table: TableState | None,
    *,
    quick: bool = False,
    known: Mapping[str, FileEvidence] | None = None,
) -> Schema:
    """The columns of files that will be loaded together, in order of first appearance.

    Args:
        known: the evidence of the table's files by name; None where the table's types govern.

    Raises:
        LakefallError: what the inferer raises.
    """
    transliterate = run.pipeline.transliterate
    names = [naming.column_names(r.header, transliterate=transliterate) for r in records]
    told = None if known is None else {n: e.inferred for n, e in known.items() if _counts(e)}
    if not any(column.type for each in records for column in each.columns):
        schema = run.pipeline.infer(run, records, table, quick=quick, known=told)
        return _with_evidence(schema, records, names, {}, of_others(known or {}, records))
    others = of_others(known or {}, records)
    kept = _kept(records, names, run.pipeline.set_columns, others)
    texts = [_texts(r, own, kept) for r, own in zip(records, names, strict=True)]
    left = [each for each in texts if each.columns]
    schema = run.pipeline.infer(run, left, table, quick=quick, known=told) if left else Schema(())
    inferred = {column.name: column for column in schema.columns}
    columns: dict[str, Column] = {}
    for each, own in zip(records, names, strict=True):
        for name, column in zip(own, each.columns, strict=True):
            if name not in columns:
                columns[name] = inferred.get(name) or Column(
                    name, column.name, kept[name], nullable=True, evidence=(DECLARED,)
                )
    # Positions in what the inferer saw are not those of the file.
    schema = dataclasses.replace(schema, columns=tuple(columns.values()), nulls={})
    return _with_evidence(schema, records, names, kept, others)


def _counts(evidence: FileEvidence) -> bool:
    """Whether a file is one whose values were, or have to be, counted."""
    return evidence.lost or bool(evidence.columns)


def _with_evidence(
    schema: Schema,
    records: Sequence[Records],
    names: Sequence[Sequence[str]],
    kept: Mapping[str, str],
    known: Mapping[str, FileEvidence],
) -> Schema:
    """The schema with each file's evidence as it is kept, and what the others leave open."""
    found = {
        each.local.name: pack(
            FileEvidence(
                {n: kept[n] for n in own if n in kept},
                tuple(n for n in own if n not in kept),
                schema.evidence.get(each.local.name, ""),
                exact=schema.exact.get(each.local.name, {}),
            )
        )
        for each, own in zip(records, names, strict=True)
    }
    counted = {n for own in names for n in own if n not in kept}
    # What the other files declared was never counted.
    open_again = [n for n in counted if any(n in e.declared for e in known.values())]
    unsettled = tuple(dict.fromkeys((*schema.unsettled, *sorted(open_again))))
    return dataclasses.replace(schema, evidence=found, unsettled=unsettled)


def _kept(
    records: Sequence[Records],
    names: Sequence[Sequence[str]],
    chosen: Collection[str],
    known: Mapping[str, FileEvidence],
) -> dict[str, str]:
    """Name -> type of the columns that are declared alike everywhere."""
    found: dict[str, set[str]] = {}
    for evidence in known.values():
        for name, declared in evidence.declared.items():
            found.setdefault(name, set()).add(declared)
        for name in evidence.columns:
            found.setdefault(name, set()).add("")
    for each, own in zip(records, names, strict=True):
        for name, column in zip(own, each.columns, strict=True):
            taken = column.type if not {name, column.name} & set(chosen) else ""
            found.setdefault(name, set()).add(taken)
    return {
        name: next(iter(types))
        for name, types in found.items()
        if len(types) == 1 and "" not in types
    }


def _texts(records: Records, names: Sequence[str], kept: Collection[str]) -> Records:
    """The file with the other columns alone, all of them text."""
    left = [
        (p, c) for p, (n, c) in enumerate(zip(names, records.columns, strict=True)) if n not in kept
    ]
    cells = ", ".join(
        f"{cell_text(text_column(p), column.type)} AS {text_column(at)}"
        for at, (p, column) in enumerate(left)
    )
    return dataclasses.replace(
        records,
        columns=tuple(FileColumn(column.name) for _, column in left),
        sql=f"(SELECT {cells} FROM {records.sql})",
        scan=None,
        nulls=None,
    )

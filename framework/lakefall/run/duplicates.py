"""Files of one table with the same content under two keys (``on_duplicate_content``).

Two files are the same where table, ETag and size are equal. The first one is that which is in the
table, else the oldest. Only a file whose current version is not in its table yet can be a
duplicate: what is loaded stays loaded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from lakefall.contract.run import Run
from lakefall.contract.values import Decision, SourceFile, Status

Content = tuple[str, str, int]
"""Table, ETag and size."""
_SKIPPED = "(source.on_duplicate_content: skip)"


def find(
    run: Run, decisions: Sequence[Decision], unchanged: Collection[str], *, rebuild: bool = False
) -> dict[str, str]:
    """The duplicates among the pending files: key -> key of the first file.

    Args:
        decisions: oldest file first.
        unchanged: keys of files whose listed version is in the table.
        rebuild: the table will hold the listed files alone, whatever the registry knows beside.
    """
    sources = run.pipeline.on_duplicate_content
    asked = {c for d in decisions if d.pending and (c := _content(d.file, sources))}
    if not asked:
        return {}
    known = {
        e.key: (e.loaded_table, e.etag, e.size)
        for e in run.pipeline.history(run)
        if e.status == Status.SUCCESS and (e.loaded_table, e.etag, e.size) in asked
    }
    first: dict[Content, str] = {}
    settled: set[str] = set()
    for key, content in ((d.file.key, _content(d.file, sources)) for d in decisions):
        if content in asked and (key in unchanged or known.get(key) == content):
            first.setdefault(content, key)
            settled.add(key)
    # Rows of a file that is gone may be deleted in this very run: it is first of nothing then.
    if not (rebuild or run.pipeline.delete_fractions):
        gone = known.keys() - {d.file.key for d in decisions}
        for key in sorted(gone):
            if known[key] not in first and run.pipeline.describe(run, known[key][0]) is not None:
                first[known[key]] = key
    found: dict[str, str] = {}
    for each in decisions:
        key, content = each.file.key, _content(each.file, sources)
        if each.pending and content and key not in settled:
            original = first.setdefault(content, key)
            if original != key:
                found[key] = original
    return found


def judged(run: Run, decisions: Sequence[Decision], found: Mapping[str, str]) -> list[Decision]:
    """The decisions as ``on_duplicate_content`` of each file's source wants them."""
    return [
        _judged(d, found[d.file.key], run.pipeline.on_duplicate_content[d.file.source])
        if d.file.key in found
        else d
        for d in decisions
    ]


def warn(run: Run, decisions: Sequence[Decision], found: Mapping[str, str]) -> None:
    """Warn of duplicates that are loaded."""
    for each in decisions:
        file = each.file
        if each.pending and not file.problem and file.key in found:
            run.warn(
                f"has the same content as {found[file.key]!r}; the table holds the records of both "
                "(source.on_duplicate_content: warn)",
                key=file.key,
                table=file.table,
            )


def is_skipped(decision: Decision) -> bool:
    """Whether the file is left out as a duplicate."""
    return not decision.pending and decision.reason.endswith(_SKIPPED)


def _judged(decision: Decision, first: str, policy: str) -> Decision:
    why = f"has the same content as {first!r}"
    if policy == "skip":
        return Decision(decision.file, pending=False, reason=f"{why} {_SKIPPED}")
    if policy == "fail":
        problem = f"{decision.file.key}: {why} (source.on_duplicate_content: fail)"
        return dataclasses.replace(
            decision, file=dataclasses.replace(decision.file, problem=problem)
        )
    return decision


def _content(file: SourceFile, sources: Collection[str]) -> Content | None:
    """None where ETag and size do not say it: no content, no table, another kind of ETag."""
    if file.problem or not (file.table and file.etag and file.size) or file.source not in sources:
        return None
    return file.table, file.etag, file.size

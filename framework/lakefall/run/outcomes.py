"""What becomes of every object: its outcome, nobody reads it, or another has its content.

Objects that no format of the pipeline reads are counted, and never fetched. Two files of one table
have the same content (``on_duplicate_content``) where ETag and size are equal. The first one is
that which is in the table, else the oldest. Only a file whose current version is not in its table
yet can be a duplicate: what is loaded stays loaded.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import json_cache
from lakefall.contract.errors import LakefallError
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Converted,
    Decision,
    Outcome,
    Records,
    Registered,
    SourceFile,
    Status,
)

if TYPE_CHECKING:
    from lakefall.contract.run import Run

DRY_RUN = "dry run: nothing was written"


def failed(file: SourceFile, error: LakefallError, records: Records | None = None) -> Outcome:
    """Nothing of the file was loaded; ``records`` is what was read of it, if anything."""
    outcome = Outcome(file, Status.FAILED, error=str(error), retryable=error.retryable)
    if records is None:
        return outcome
    return dataclasses.replace(
        outcome,
        rows_read=records.rows_read,
        rows_rejected=records.rows_rejected,
        skipped=records.skipped,
    )


def dry(converted: Converted) -> Outcome:
    """What loading the file would give."""
    return Outcome(
        converted.file,
        Status.SKIPPED,
        rows_read=converted.rows_read,
        rows_rejected=converted.rows_rejected,
        skipped=converted.skipped,
        cells_nulled=converted.cells_nulled,
        error=DRY_RUN,
    )


def warn_of(run: Run, answers: Iterable[Registered]) -> None:
    """Tell what registrars could not do; what they found wrong is told as the files' outcome."""
    for answer in answers:
        if not answer.ok and not answer.wrong:
            run.warn(f"{answer.registrar}: {answer.message}", table=answer.table)


def judged(outcomes: Sequence[Outcome], answers: Iterable[Registered]) -> tuple[Outcome, ...]:
    """The outcomes after what registrars found wrong; the numbers stay those of the commit."""
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        for wrong in answer.wrong:
            reasons.setdefault(wrong.key, []).append(f"{answer.registrar}: {wrong.reason}")
    return tuple(
        dataclasses.replace(o, status=Status.FAILED, error="; ".join(found), retryable=True)
        if o.status is Status.SUCCESS and (found := reasons.get(o.file.key))
        else o
        for o in outcomes
    )


def with_key(key: str, reason: str) -> str:
    """A reason that names its file, once."""
    return reason if reason.startswith(f"{key}:") else f"{key}: {reason}"


MAX_KEYS = 200_000
"""Keys up to which each is remembered (12 bytes); of more only the number is."""
MOST_KINDS = 10
"""Suffixes that a sentence names."""
LONGEST_SUFFIX = 10


def by_suffix(files: Iterable[SourceFile]) -> dict[str, int]:
    """How many objects have each suffix, most first; ``''`` for names without one."""
    counts = Counter(_suffix(file.key) for file in files)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def unread_sentence(counts: Mapping[str, int], which: str = "") -> str:
    """``12 objects that no format of this pipeline reads: 9 .docx, 3 .7z``."""
    total = sum(counts.values())
    kinds = [f"{n:,} {suffix or 'without a suffix'}" for suffix, n in counts.items()]
    if rest := sum(list(counts.values())[MOST_KINDS:]):
        kinds = [*kinds[:MOST_KINDS], f"{rest:,} of other kinds"]
    noun = f"{which} object".strip() + ("" if total == 1 else "s")
    return f"{total:,} {noun} that no format of this pipeline reads: {', '.join(kinds)}"


def warn_of_new(run: Run, files: Sequence[SourceFile]) -> None:
    """Warn of objects that the last run did not find, and remember these for the next one.

    ``files`` are all of a full listing. What cannot be remembered is a second warning. A dry run
    remembers nothing, so that the next run warns as well.
    """
    path = _path(run)
    known = json_cache.load(path)
    tokens = {_token(file): file for file in files}
    digest = sha256("".join(sorted(tokens)).encode()).hexdigest()
    if known.get("digest") == digest or not (files or known):
        return
    if new := _new(tokens, known):
        run.warn(
            f"{unread_sentence(by_suffix(new), 'new')}, first {new[0].key!r}; "
            "`lakefall status --all` lists them; the source's `exclude` leaves out what need not "
            "be counted"
        )
    if not run.dry_run:
        kept = sorted(tokens) if len(tokens) <= MAX_KEYS else []
        found = {"digest": digest, "objects": len(tokens), "keys": "".join(kept)}
        json_cache.save(path, json.dumps(found))


def _new(tokens: Mapping[str, SourceFile], known: Mapping[str, object]) -> list[SourceFile]:
    """Those that were not there before; all of them where they became more and no key is known."""
    objects, keys = known.get("objects", 0), known.get("keys", "")
    if not isinstance(objects, int) or not isinstance(keys, str):
        return list(tokens.values())
    if objects > MAX_KEYS:
        return list(tokens.values()) if len(tokens) > objects else []
    before = {keys[at : at + 12] for at in range(0, len(keys), 12)}
    return [file for token, file in tokens.items() if token not in before]


def _token(file: SourceFile) -> str:
    name = f"{file.origin}\0{file.key}"
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _path(run: Run) -> Path:
    config = run.pipeline.config
    name = sha256(str(config.path.absolute()).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return config.cache.dir / f"unread-{name}.json"


def _suffix(key: str) -> str:
    stem, dot, suffix = key.rpartition("/")[2].rpartition(".")
    fits = stem and suffix.isalnum() and len(suffix) <= LONGEST_SUFFIX
    return f"{dot}{suffix.lower()}" if fits else ""


Content = tuple[str, str, int]
"""Table, ETag and size."""
_SKIPPED = "(source.on_duplicate_content: skip)"


def find_copies(
    run: Run,
    decisions: Sequence[Decision],
    unchanged: Collection[str],
    *,
    rebuild: bool = False,
    part: bool = False,
) -> dict[str, str]:
    """The duplicates among the pending files: key -> key of the first file.

    Args:
        decisions: oldest file first.
        unchanged: keys of files whose listed version is in the table.
        rebuild: the table will hold the listed files alone, whatever the registry knows beside.
        part: the source has more files than these.
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
    if not rebuild and (part or not run.pipeline.delete_fractions):
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


def judge_copies(
    run: Run, decisions: Sequence[Decision], found: Mapping[str, str]
) -> list[Decision]:
    """The decisions as ``on_duplicate_content`` of each file's source wants them."""
    return [
        _judge_copy(d, found[d.file.key], run.pipeline.on_duplicate_content[d.file.source])
        if d.file.key in found
        else d
        for d in decisions
    ]


def warn_of_copies(run: Run, decisions: Sequence[Decision], found: Mapping[str, str]) -> None:
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


def _judge_copy(decision: Decision, first: str, policy: str) -> Decision:
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

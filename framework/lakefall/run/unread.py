"""Objects that a source lists and no format of the pipeline reads: counted, and never fetched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from lakefall.common import json_cache
from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile

MAX_KEYS = 200_000
"""Keys up to which each is remembered (12 bytes); of more only the number is."""
MOST_KINDS = 10
"""Suffixes that a sentence names."""
LONGEST_SUFFIX = 10


def by_suffix(files: Iterable[SourceFile]) -> dict[str, int]:
    """How many objects have each suffix, most first; ``''`` for names without one."""
    counts = Counter(_suffix(file.key) for file in files)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def sentence(counts: Mapping[str, int], which: str = "") -> str:
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
            f"{sentence(by_suffix(new), 'new')}, first {new[0].key!r}; `lakefall status --all` "
            "lists them; the source's `exclude` leaves out what need not be counted"
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

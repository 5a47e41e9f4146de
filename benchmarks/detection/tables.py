"""Tables of scores on labelled public files, which lie outside of this repository."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.detection.detectors import DETECTORS, ENCODINGS, lakefall
from benchmarks.detection.loaders import LOADERS, pipeline_run
from benchmarks.detection.loaders import lakefall as lakefall_loader
from benchmarks.detection.mutating import MOST_BYTES, mutated
from benchmarks.detection.score import half, installed, line, table

DIALECT_SETS = ("dialect_w3c_csvw", "dialect_csvsniffer_extra", "pollock_survey")
ENCODING_SET, TABLE_SET = "encoding_cldr", "pollock_survey"
COUNTS = ("files", "delimiter", "and quote", "same table", "no answer", "header", "preamble", "ms")
HALVES = ("a", "b")
LAKEFALL = "lakefall"
"""What this project is called among the others."""
SURE = 0.9
MUTATIONS = 8


def dialects(bench: Path) -> dict[str, list[Any]]:
    """Delimiter, quote, header and preamble, by detector and half; both halves are returned."""
    scorer = importlib.import_module("score_dialect")
    found: dict[str, list[Any]] = {}
    table("detector", "half", *COUNTS)
    for name, (detector, module) in DETECTORS.items():
        if not installed(name, module):
            continue
        results = [
            result
            for folder in DIALECT_SETS
            for result in scorer.score_set(str(bench / folder), detector)
        ]
        for part in HALVES:
            line(name, part, *_counts(scorer, [r for r in results if half(r["path"]) == part]))
        found[name] = _counts(scorer, results)
        line(f"**{name}**", "both", *found[name])
    return found


def _counts(scorer: Any, results: Sequence[dict[str, Any]]) -> list[Any]:
    s = scorer.summary(results)
    cells = [s["n"], s["delim"], s["dq"], s["table"], s["exc"]]
    return [*cells, s.get("header", ""), s.get("preamble", ""), s["ms"]]


def misses(bench: Path) -> None:
    """lakefall's wrong answers, one a line."""
    scorer = importlib.import_module("score_dialect")
    keys = ("delim", "dq", "table", "header", "preamble")
    table("file", "half", "wrong", "answer")
    for folder in DIALECT_SETS:
        for result in scorer.score_set(str(bench / folder), lakefall):
            wrong = [key for key in keys if result.get(key) is False]
            if wrong or "exc" in result:
                answer = result.get("exc") or json.dumps(result["det"], ensure_ascii=False)
                line(result["path"], half(result["path"]), ", ".join(wrong), answer)


def encodings(bench: Path) -> dict[str, tuple[int, int]]:
    """Files that decode to the text they were written from, by detector and half; of all files,
    and of those that are neither UTF-8 nor UTF-16. Both halves are returned."""
    folder = bench / ENCODING_SET
    labels = [json.loads(text) for text in (folder / "labels.jsonl").read_text().splitlines()]
    legacy = sum(not _is_unicode(label) for label in labels)
    found: dict[str, tuple[int, int]] = {}
    wrong: list[tuple[str, str, str, str]] = []
    table("encoding by", *HALVES, f"of {len(labels)}", f"of the {legacy} that are no UTF")
    for name, (detector, module) in ENCODINGS.items():
        if not installed(name, module):
            continue
        right: Counter[str] = Counter()
        for label in labels:
            path, part = label["path"], half(label["path"])
            if _decodes(folder / path, label["encoding"], detector):
                right.update([part, "all", *([] if _is_unicode(label) else ["legacy"])])
            elif name == LAKEFALL:
                answer = str(detector(str(folder / path)))
                wrong.append((path, part, label["encoding"], answer))
        found[name] = right["all"], right["legacy"]
        line(name, *(right[part] for part in HALVES), *found[name])
    table("file", "half", "encoding", "answer")
    for miss in wrong:
        line(*miss)
    return found


def _is_unicode(label: dict[str, Any]) -> bool:
    return str(label["encoding"]).startswith("utf")


def _decodes(path: Path, encoding: str, detector: Callable[[str], str | None]) -> bool:
    raw = path.read_bytes()
    try:
        found = raw.decode(detector(str(path)) or "ascii")
    except (UnicodeDecodeError, LookupError):
        return False
    return found.lstrip("\ufeff") == raw.decode(encoding).lstrip("\ufeff")


def tables(bench: Path) -> dict[str, float]:
    """Pollock's score of 10: success, header, records and cells of the table that is loaded; of
    both halves is returned."""
    try:
        scorer = importlib.import_module("score_pollock")
    except ImportError as error:
        print(f"Pollock: left out, {error.name} is not installed")
        return {}
    table("Pollock score by", *HALVES, "both")
    found: dict[str, float] = {}
    with pipeline_run("sniffer.on_missing_header=generate") as run:
        loaders = {LAKEFALL: (lakefall_loader(run), "lakefall_plugins"), **LOADERS}
        for name, (loader, module) in loaders.items():
            if installed(name, module):
                scores = _pollock(scorer, bench, loader)
                found[name] = scores[-1]
                line(name, *scores)
    return found


def _pollock(scorer: Any, bench: Path, loader: Any) -> list[float]:
    measured, _, _ = scorer.run(str(bench / TABLE_SET), loader=loader)
    parts = [
        {name: m for name, m in measured.items() if half(f"files/{name}") == part}
        for part in HALVES
    ]
    return [scorer.totals(part)["simple"] for part in (*parts, measured)]


def confidence(bench: Path) -> None:
    """How often answers that call themselves sure are right, on the files and on damaged copies."""
    scorer = importlib.import_module("score_dialect")
    table(f"confidence above {SURE}", "half", "right", "of", "share", "answers in all")
    for damaged in (False, True):
        for part in HALVES:
            sure, right, everything = _calibration(scorer, bench, part, damaged)
            name = "mutated files" if damaged else "files"
            line(name, part, right, sure, f"{right / sure:.1%}", everything)


def _calibration(scorer: Any, bench: Path, part: str, damaged: bool) -> tuple[int, int, int]:
    import tempfile

    sure = right = everything = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "file.csv"
        for path, label in _labelled(bench, part):
            for raw in _copies(path, damaged):
                copy.write_bytes(raw)
                text, _ = scorer.text_of(raw, label.get("encoding"))
                answer = _answer(str(copy)) if text.strip() else None
                if answer is None:
                    continue
                everything += 1
                if answer["confidence"] > SURE:
                    sure += 1
                    right += _is_right(scorer, label, answer, text)
    return sure, right, everything


def _labelled(bench: Path, part: str) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for folder in DIALECT_SETS:
        for text in (bench / folder / "labels.jsonl").read_text(encoding="utf-8").splitlines():
            label = json.loads(text)
            if half(label["path"]) == part:
                found.append((bench / folder / label["path"], label))
    return found


def _copies(path: Path, damaged: bool) -> list[bytes]:
    raw = path.read_bytes()
    if not damaged or not raw:
        return [raw]
    sources = (Random(f"files/{path.name}{seed}") for seed in range(MUTATIONS))
    return [mutated(raw[:MOST_BYTES], chance) for chance in sources]


def _answer(path: str) -> dict[str, Any] | None:
    from lakefall.contract.errors import LakefallError

    try:
        return lakefall(path)
    except LakefallError:
        return None


def _is_right(scorer: Any, label: dict[str, Any], answer: dict[str, Any], text: str) -> bool:
    """Delimiter and quote as labelled, or the same table."""
    labels = [label, *([label["wrangling_dialect"]] if label.get("wrangling_dialect") else [])]
    return any(any(scorer.cmp(each, answer, text)[1:]) for each in labels)

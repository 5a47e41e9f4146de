"""Small inputs that ask for much: each fails with one clear line, and the file beside it loads.

What a benchmark takes at full size (``benchmarks/bombs.py``) is here a few megabytes, in one run of
a process that may have 700 MB.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from .lakes import EmbeddedLake

MEMORY = 700_000_000


def _columns(count: int, name: str = "c{}") -> bytes:
    header = ",".join(name.format(n) for n in range(count))
    return f"{header}\n{','.join(['1'] * count)}\n".encode()


def _peak(pid: int) -> int:
    """The most bytes that a process has held so far; 0 of one that is over."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/status").read_text()
        if found := re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE):
            return int(found[1]) * 1024
    return 0


def _zstd() -> bytes:
    zstd = pytest.importorskip("backports.zstd")
    packed: bytes = zstd.compress(bytes(80_000_000))
    return packed


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "columns.csv": (lambda: _columns(20_000), "20,000 columns; max_columns is 4,000"),
    "equal.csv": (lambda: _columns(20_000, "name"), "20,000 columns; max_columns is 4,000"),
    "header.csv": (
        lambda: b"a" * 1_000_000 + b",b\n1,2\n3,4\n",
        "the name of column 1 has 1,000,000 characters",
    ),
    "field.csv": (
        lambda: b'a,b\n1,"' + b"x" * 40_000_000 + b'"\n2,y\n',
        "field.csv: line 2 has more than 16,777,216 characters",
    ),
    "feeds.csv": (lambda: b"\n" * 3_000_000, "nothing but blank lines"),
    "zeros.csv.gz": (lambda: gzip.compress(bytes(80_000_000)), "max_archive_ratio"),
    "zeros.csv.zst": (_zstd, "max_archive_ratio"),
    "text.csv.gz": (
        lambda: gzip.compress(b"a,b\n" + b"1,some text\n" * 8_000_000, 9),
        "max_archive_ratio",
    ),
    "keys.jsonl": (
        lambda: json.dumps({f"k{n}": n for n in range(50_000)}).encode(),
        "more than 4,000 different keys up to line 1 (max_columns)",
    ),
    "apart.jsonl": (
        lambda: b"".join(b'{"k%d": 1}\n' % n for n in range(50_000)),
        "different keys up to line",
    ),
    "value.jsonl": (
        lambda: b'{"a": "' + b"x" * 40_000_000 + b'"}\n',
        "the record that begins on line 1 is larger than 16,777,216 bytes",
    ),
}


def test_bombs_fail_with_a_clear_line_and_stop_nobody(embedded: EmbeddedLake) -> None:
    embedded.configure(sniffer=[{"use": "csv"}, {"use": "jsonl"}])
    for name, (make, _) in BOMBS.items():
        embedded.put(f"bombs/{name}", make())
    sparse = embedded.path("bombs/sparse.csv")
    with sparse.open("wb") as out:
        out.truncate(10**12)
    embedded.put("good/a.csv", "a,b\n1,2\n3,4\n")
    running, peak = embedded.start_run(), 0
    while running.alive:
        peak = max(peak, _peak(running.process.pid))
        time.sleep(0.05)
    ran = embedded.judged(running.wait(), ok=False)
    assert 0 < peak < MEMORY
    told = {o["key"]: o["error"] for o in ran.objects if o["status"] == "failed"}
    for name, (_, words) in BOMBS.items():
        assert words in told[f"bombs/{name}"], told[f"bombs/{name}"]
    assert "1,000,000,000,000 bytes; max_file_size is" in told["bombs/sparse.csv"]
    assert all("\n" not in words and len(words) < 400 for words in told.values())
    assert ran.statuses()["good/a.csv"] == "success"
    # Told once: nothing of it is tried again.
    assert set(embedded.run(ok=False).statuses().values()) == {"skipped", "unchanged"}

"""What is plain, and that blocks do not matter."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_support import dialect

from lakefall.contract.values import Places
from lakefall.tabular.places import LineMap, LineMapWriter
from lakefall_plugins.formats.csv.reading import scan as module
from lakefall_plugins.formats.csv.reading.scan import Plain, plain_dialect, scan


def scanned(data: bytes, folder: Path, **options: str) -> tuple[Plain | None, list[int]]:
    path = folder / "f.csv"
    path.write_bytes(data)
    with LineMapWriter(folder / "lines") as lines:
        found = scan(path, dialect(**options), lines)
    rows = range(found.records if found else 0)
    line_map = LineMap.load(Places(folder / "lines"))
    return found, [line_map.line(row) for row in rows]


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,\0\n",
        b"a,b\n1,\xff\n",
        b"a,b\n1,\xc3\n",
        b"a,b\r\n1,2\n",
        b"a,b\n1,2\r\n",
        b"a,b\r1,2\r",
        b"a,b\n1,x\ry\n",
        b'a,b\n1,"x\ry"\n',
        b'a,b\n1, "x"\n',
        b'a,b\n1,"x" \n',
        b'a,b\n1,"x"y\n',
        b'a,b\n1,x"y"\n',
        b'a,b\n1,x"\n2,"y\n',
        b'a,b\n1,"x\n',
        b'"a\n",b\r\n1,2\r\n',
        b'"a\r\n",b\n1,2\n',
    ],
)
def test_not_plain(tmp_path: Path, data: bytes) -> None:
    assert scanned(data, tmp_path)[0] is None


@pytest.mark.parametrize(
    ("data", "records", "blank", "lines"),
    [
        (b"", 0, 0, []),
        (b"a,b", 0, 0, []),
        (b"a,b\n1,2", 1, 0, [2]),
        (b"\xef\xbb\xbfa,b\n1,2\n", 1, 0, [2]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', 1, 0, [2]),
        (b"a,b\r\n\r\n1,2\r\n", 1, 1, [3]),
        (b'a,b\n"x\n\ny",2\n\n\n3,4\n', 2, 2, [2, 7]),
        (b'a,b\r\n"x\n\r\ny",""\r\n3,"""q"""\r\n', 2, 0, [2, 5]),
    ],
)
def test_plain(tmp_path: Path, data: bytes, records: int, blank: int, lines: list[int]) -> None:
    found, at = scanned(data, tmp_path)
    assert found is not None
    assert (found.records, found.blank, at) == (records, blank, lines)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["x,y", '"a\nb",1', '"",""', "", '"é""\n\n",2', "1,2"]), max_size=30),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 20),
    st.booleans(),
)
def test_blocks_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, size: int, last: bool
) -> None:
    folder = tmp_path_factory.mktemp("scan")
    data = (end.join(["h1,h2", *lines]) + (end if last else "")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", size)
        found, at = scanned(data, folder)
    assert found is not None
    expected, line = [], 2
    for text in lines:
        if text:
            expected.append(line)
        line += 1 + text.count("\n")
    assert at == expected
    assert found.longest >= max(len(text.encode()) for text in ["h1,h2", *lines])


def test_only_simple_dialects_can_be_plain() -> None:
    assert plain_dialect(dialect())
    for options in (
        {"escapechar": "\\"},
        {"comment": "#"},
        {"preamble_lines": 1},
        {"footer_lines": 1},
        {"header_lines": 2},
        {"skip_initial_space": True},
        {"delimiter": "¦"},
    ):
        assert not plain_dialect(dialect(**options))

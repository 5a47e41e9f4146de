"""Lines before and after the table, and comments inside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sniffer_support import sniff

TABLE = "id,name,amount\n1,ann,5.5\n2,bob,6.25\n3,cy,7.75\n"


PREAMBLES = {
    "none": ("", 0),
    "blank lines": ("\n\n\n", 3),
    "a title": ("Report of sales\n", 1),
    "a title and a blank line": ("Report of sales\nmade on Monday\n\n", 3),
    "a padded title": ("Report of sales,,\n", 1),
    "a padded title and padding": ("Report of sales,,\n,,\n", 2),
    "comments": ("# made by a machine\n# on Monday\n", 2),
    "a title with commas": ("Sales, all of them, by day, in euro\n", 1),
    "keys and values": ("Station,7\nUnit,metre\n", 2),
}


@pytest.mark.parametrize(("above", "lines"), PREAMBLES.values(), ids=PREAMBLES)
def test_preamble(tmp_path: Path, above: str, lines: int) -> None:
    found = sniff(tmp_path, above + TABLE)
    assert (found.preamble_lines, found.has_header, found.delimiter) == (lines, True, ",")


def test_a_padded_title_above_records(tmp_path: Path) -> None:
    found = sniff(tmp_path, "Report,,\n1,2020-01-01,5.5\n2,2020-01-02,6.5\n3,2020-01-03,7.5\n")
    assert (found.preamble_lines, found.has_header) == (1, False)


def test_a_long_preamble_is_passed(tmp_path: Path) -> None:
    assert sniff(tmp_path, "# a line of comment\n" * 1000 + TABLE * 20).preamble_lines == 1000


def test_the_header_may_lack_the_last_delimiter(tmp_path: Path) -> None:
    assert sniff(tmp_path, "x,y,z\n1,2,3,\n4,5,6,\n7,8,9,\n").preamble_lines == 0


@pytest.mark.parametrize("mark", ["#", "%", "//", "!"])
def test_a_mark_alone_begins_a_comment(tmp_path: Path, mark: str) -> None:
    text = f"{mark} made by\n{mark} some one\n" + "".join(
        f"{n} {n * 2.5} {n * n}\n" for n in range(9)
    )
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.preamble_lines, found.has_header) == (" ", 2, False)


def test_names_may_begin_with_a_comment_mark(tmp_path: Path) -> None:
    found = sniff(tmp_path, "##format=x\n#chrom\tpos\tref\n1\t100\tA\n1\t200\tC\n")
    assert (found.delimiter, found.preamble_lines, found.has_header) == ("\t", 1, True)


def test_names_above_records_that_are_too_long(tmp_path: Path) -> None:
    """Texts with commas and no quotes: the header is no preamble, so that the file fails."""
    rows = "".join(f"{n},n{n},hello{', well' * (n % 3)}, yes\n" for n in range(9))
    found = sniff(tmp_path, "id,name,text\n" + rows)
    assert (found.preamble_lines, found.has_header) == (0, True)


def test_a_record_of_another_width_above_the_others_is_no_preamble(tmp_path: Path) -> None:
    found = sniff(tmp_path, "1,2\n3,4,5\n6,7,8\n9,1,2\n")
    assert (found.preamble_lines, found.has_header) == (0, False)


def test_comments_inside_the_table(tmp_path: Path) -> None:
    found = sniff(tmp_path, "# above\na,b,c\n1,2,3\n# inside\n4,5,6\n")
    assert (found.comment, found.preamble_lines, found.delimiter) == ("#", 1, ",")


def test_cells_that_begin_with_a_hash_are_no_comments(tmp_path: Path) -> None:
    assert sniff(tmp_path, "tag,n\n#x,1\n#y,2\n#z,3\n").comment == ""

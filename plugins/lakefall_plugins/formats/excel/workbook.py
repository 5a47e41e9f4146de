"""Opening a workbook: what it is, whether it may be read, and the cells of its sheets.

calamine reads the cells. It shows a cell with an error as an empty one, and asks for the memory of
a sheet's whole area, of 17 billion cells where somebody wrote into the last one: a process that
does not get it is aborted. So the XML of an ``.xlsx`` sheet is looked at first, and
binary workbooks are tried in a process of their own; for ``.ods`` calamine has a limit.
"""

from __future__ import annotations

import mmap
import posixpath
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.parsers import expat

from lakefall.contract.errors import (
    ArchiveError,
    EmptyFileError,
    MissingExtraError,
    StructureError,
    UnsupportedFormatError,
)

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

Area = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of merged ones, both as row and column from 0."""

MAX_EXPANDED = 2_000_000_000
"""Bytes of a workbook's parts: a full sheet of a million rows has 60 to 100 a cell."""
MAX_RATIO = 1_000
ALWAYS_ALLOWED = 64 << 20
"""Bytes that a workbook of any size may expand to: a sheet of one text compresses well."""
MAX_CELLS = 64_000_000
"""Cells of a sheet's area, empty ones too: calamine takes 32 bytes for each."""
PROBE_MEMORY = 4 << 30
BLOCK = 1 << 20
_NAMED = re.compile(r"\.(?:xls[xmb]?|ods)\b", re.IGNORECASE)
_SUSPECT = re.compile(rb'<c(?: r="[A-Za-z]{2}(?:[A-Za-z]|\d{6})|(?! r=")[\s>](?s:.){4})')
"""A cell that is far to the right, or whose place is written in an unusual way."""
_MARKS = (b'"e"', b"'e'", b"f></", b"/></c", b":c ")
"""What else asks for a second look: an error, a formula without value, a namespace's prefix."""


@dataclass(slots=True)
class Look:
    """What the XML of a sheet says beyond its values; rows and columns from 0."""

    errors: list[tuple[int, int, str]] = field(default_factory=list)
    """Row, column and text of each cell that holds an error."""
    formulas: int = 0
    """Formulas without a stored value."""
    first_formula: str = ""
    height: int = 0
    width: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's cells; columns are counted from ``left``, the first that holds anything."""

    name: str
    height: int
    left: int
    merged: tuple[Area, ...]
    look: Look
    _rows: Callable[[], Iterator[list[Any]]]

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Number, from 0, and cells of each row that holds a value or an error; ``''`` is an empty
        cell."""
        errors = {row for row, _, _ in self.look.errors}
        for number, row in enumerate(self._rows()):
            if row.count("") < len(row) or number in errors:
                yield number, row


@dataclass(frozen=True, slots=True)
class Book:
    """An open workbook."""

    name: str
    kind: str
    names: tuple[str, ...]
    """Of all worksheets, in order."""
    visible: tuple[str, ...]
    _calamine: CalamineWorkbook
    _archive: zipfile.ZipFile | None
    """Of an ``.xlsx`` file."""

    def sheet(self, name: str) -> Sheet:
        """The cells of one sheet.

        Raises:
            UnsupportedFormatError: its area is too large.
            StructureError: it is damaged.
        """
        with _damage(self.name):
            look = _look(self._archive, _part(self._archive, name)) if self._archive else Look()
        if look.height * look.width > MAX_CELLS:
            raise UnsupportedFormatError(
                f"{self.name}: sheet {name!r} reaches to row {look.height:,} and column "
                f"{look.width:,}, an area of more than {MAX_CELLS:,} cells; delete the rows and "
                "columns beyond the table, or save it as CSV"
            )
        with _damage(self.name):
            found = self._calamine.get_sheet_by_name(name)
        left = found.start[1] if found.start else 0
        merged = tuple(
            ((top, first - left), (bottom, last - left))
            for (top, first), (bottom, last) in found.merged_cell_ranges or ()
        )
        height = found.end[0] + 1 if found.end else 0
        return Sheet(name, height, left, merged, look, found.iter_rows)


def recognise(path: Path, name: str) -> str:
    """``xlsx``, ``xlsb``, ``xls`` or ``ods`` by the content; ``''`` for what is no workbook and is
    not named like one.

    Raises:
        EmptyFileError: no bytes, in a file named like a workbook.
        UnsupportedFormatError: it needs a password, or is something else under such a name.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(b"PK\x03\x04"):
        kind, found = _of_zip(path)
    elif head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        kind, found = _of_compound(path)
    else:
        kind, found = "", _words(head)
    if kind == "password":
        raise _password(name)
    if kind or not _NAMED.search(name.rpartition("/")[2]):
        return kind
    if not head:
        raise EmptyFileError(f"{name}: no bytes in the file")
    if name.rpartition("/")[2].startswith("~$"):
        found = "the lock of a workbook that somebody has open"
    raise UnsupportedFormatError(
        f"{name}: named like a workbook, but holds {found}; save it as a workbook, or give it the "
        "name of what it is"
    )


@contextmanager
def opened(path: Path, name: str, kind: str) -> Iterator[Book]:
    """The workbook, open.

    Raises:
        MissingExtraError: the library is not installed.
        ArchiveError: it would expand beyond the limits.
        StructureError: it is damaged.
        UnsupportedFormatError: it needs a password.
    """
    try:
        from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the format excel needs python-calamine: pip install 'lakefall[excel]'"
        ) from error

    with ExitStack() as stack:
        archive = None
        with _damage(name):
            if kind != "xls":
                archive = stack.enter_context(zipfile.ZipFile(path))
                _check_sizes(archive, path.stat().st_size, name)
            if kind in ("xls", "xlsb"):
                _probe(path, name)
            # Of a path it would believe the suffix.
            stream = stack.enter_context(path.open("rb"))
            calamine = stack.enter_context(CalamineWorkbook.from_filelike(stream))
            found = [m for m in calamine.sheets_metadata if m.typ is SheetTypeEnum.WorkSheet]
        names = tuple(m.name for m in found)
        visible = tuple(m.name for m in found if m.visible is SheetVisibleEnum.Visible)
        yield Book(name, kind, names, visible, calamine, archive if kind == "xlsx" else None)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """What libraries say of a file as errors of ours."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        raise _password(name) from error
    except (
        *(CalamineError, zipfile.BadZipFile, zlib.error, expat.ExpatError),
        *(EOFError, KeyError, ValueError, StopIteration),
    ) as error:
        raise StructureError(_damaged(name, error)) from error
    except (NotImplementedError, RuntimeError) as error:
        # The zip module's words for a compression that it does not know, and for a password.
        raise UnsupportedFormatError(f"{name}: cannot be read: {error}") from error
    except BaseException as error:
        # A panic of the library is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise StructureError(_damaged(name, error)) from error


def _damaged(name: str, error: BaseException) -> str:
    return f"{name}: damaged workbook ({error}); open it in a spreadsheet program and save it again"


def _password(name: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"{name}: protected by a password; save it without one (in Excel: File, Info, Protect "
        "Workbook, Encrypt with Password, leave it empty)"
    )


# --- what a file is --------------------------------------------------------------------------


def _of_zip(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            opendocument = "content.xml" in names
            text = archive.read("META-INF/manifest.xml")[:BLOCK] if opendocument else b""
    except (zipfile.BadZipFile, KeyError, zlib.error, EOFError, RuntimeError, OSError) as error:
        return "", f"a damaged zip container ({error})"
    if opendocument and b"opendocument.spreadsheet" in text:
        return ("password" if b"encryption-data" in text else "ods"), ""
    for name in names:
        if part := re.fullmatch(r"xl/workbook\d*\.(xml|bin)", name.lower()):
            return ("xlsx" if part[1] == "xml" else "xlsb"), ""
    return "", f"a zip container with {', '.join(map(repr, names[:3])) or 'nothing in it'}"


def _of_compound(path: Path) -> tuple[str, str]:
    """By the names in the directory of a compound file (MS-CFB), which are UTF-16."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for name, kind in (("Workbook", "xls"), ("Book", "xls"), ("EncryptedPackage", "password")):
            if data.find(f"{name}\0".encode("utf-16-le")) >= 0:
                return kind, ""
    return "", "another document of Office"


def _words(head: bytes) -> str:
    """What a file that is no workbook seems to hold."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if text.startswith(("<!doctype html", "<html", "<table", "<head", "<meta")):
        return "an HTML page, as some web sites export tables"
    if "urn:schemas-microsoft-com:office:spreadsheet" in text:
        return "an XML spreadsheet of Excel 2003"
    if head.startswith(b"%PDF"):
        return "a PDF document"
    if b"\0" not in head and text.count("\ufffd") * 20 <= len(text):
        return "text, such as CSV"
    return "bytes of no known kind"


def _check_sizes(archive: zipfile.ZipFile, size: int, name: str) -> None:
    """Refuse bombs, also those that lie about their sizes, in the parts that are read as a whole.

    Raises:
        ArchiveError: beyond the limits.
    """
    whole = sum(info.file_size for info in archive.infolist())
    if whole > min(MAX_EXPANDED, max(ALWAYS_ALLOWED, MAX_RATIO * size)):
        raise ArchiveError(
            f"{name}: {size:,} bytes expand to {whole:,}, beyond {MAX_EXPANDED:,} or "
            f"1:{MAX_RATIO:,}; save the sheet as CSV if it is meant to"
        )
    for info in archive.infolist():
        if info.filename.endswith((".xml", ".rels", ".bin")) and "sheets/" not in info.filename:
            with archive.open(info) as stream:
                while stream.read(BLOCK):
                    pass


_PROBE = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except ImportError:
    pass
from python_calamine import CalamineError, CalamineWorkbook
try:
    with open(sys.argv[1], "rb") as file, CalamineWorkbook.from_filelike(file) as book:
        for name in book.sheet_names:
            book.get_sheet_by_name(name)
except CalamineError:
    pass
"""


def _probe(path: Path, name: str) -> None:
    """Whether the library opens the file at all, found out at no risk.

    Raises:
        StructureError: it ends the process.
    """
    done = subprocess.run(  # noqa: S603 -- our own interpreter, and no shell
        [sys.executable, "-c", _PROBE, str(path), str(PROBE_MEMORY)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise StructureError(_damaged(name, RuntimeError(said or f"exit code {done.returncode}")))


# --- the XML of .xlsx ------------------------------------------------------------------------


def _parser(start: Callable[[str, dict[str, str]], None]) -> expat.XMLParserType:
    """A parser that calls ``start`` for each element and takes no entities (bombs are made of
    them)."""

    def refuse(*_: object) -> None:
        raise expat.ExpatError("a document type, which no workbook has")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    return parser


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part that holds a sheet: from the package's root over the workbook to it (ECMA-376,
    parts 1, 18.2.19, and 2, 6.5)."""
    ids: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "sheet":
            ids[attributes["name"]] = next(v for k, v in attributes.items() if k.endswith(":id"))

    root = _relations(archive, "").values()
    workbook = next(target for kind, target in root if kind.endswith("/officeDocument"))
    with archive.open(workbook) as stream:
        _parser(start).ParseFile(stream)
    return _relations(archive, workbook)[ids[sheet]][1]


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Id -> type and part of what a part refers to."""
    parts = {name.lower(): name for name in archive.namelist()}
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "Relationship":
            target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"]))[1:]
            found[attributes["Id"]] = attributes["Type"], parts.get(target.lower(), target)

    with archive.open(parts[posixpath.join(folder, "_rels", f"{name}.rels").lower()]) as stream:
        _parser(start).ParseFile(stream)
    return found


def _look(archive: zipfile.ZipFile, part: str) -> Look:
    """The second look at a sheet: blocks of bytes, and its elements only where these ask for it."""
    before = b""
    with archive.open(part) as stream:
        while block := stream.read(BLOCK):
            text = before[-32:] + block
            if any(mark in text for mark in _MARKS) or _SUSPECT.search(text):
                break
            before = block
        else:
            return Look()
    cells = _Cells()
    with archive.open(part) as stream:
        cells.read(stream)
    return cells.look


class _Cells:
    """Collects errors and formulas without value from a sheet's elements."""

    def __init__(self) -> None:
        self.look = Look()
        self._parser = _parser(self._start)
        self._row = self._column = -1
        self._error = self._formula = False
        self._text: list[str] = []

    def read(self, stream: IO[bytes]) -> None:
        self._parser.ParseFile(stream)
        self._end()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "c":
            self._end()
            self._place(attributes.get("r", ""))
            self._error = attributes.get("t") == "e"
        elif tag == "v":
            self._formula = False
            if self._error:
                self._parser.CharacterDataHandler = self._text.append
        elif tag == "f":
            self._formula = True
        elif tag == "row":
            self._end()
            self._row = int(attributes.get("r", self._row + 2)) - 1
            self._column = -1

    def _place(self, reference: str) -> None:
        letters = reference.rstrip("0123456789")
        self._column += 1
        if letters:
            self._row = int(reference[len(letters) :]) - 1
            self._column = 0
            for letter in letters.upper():
                self._column = 26 * self._column + ord(letter) - 64
            self._column -= 1
        look = self.look
        look.height = max(look.height, self._row + 1)
        look.width = max(look.width, self._column + 1)

    def _end(self) -> None:
        """The cell before is complete."""
        if self._error:
            text = "".join(self._text).strip()
            self.look.errors.append((self._row, self._column, sys.intern(text)))
            self._parser.CharacterDataHandler = None
            self._text.clear()
        elif self._formula:
            self.look.formulas += 1
            self.look.first_formula = self.look.first_formula or reference(self._row, self._column)
        self._error = self._formula = False


def reference(row: int, column: int) -> str:
    """A cell as people call it: ``C5``."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"

"""The laws of a sniffer."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import ClassVar

from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import Stage
from lakefall.contract.values import Format, LocalFile
from lakefall.testing.contract import expect
from lakefall.testing.step import StepContract, some_file, survives

ROWS = (("id", "name", "amount"), ("1", "ann", "1.5"), ("2", "bob", "2.25"), ("3", "eve", "3.0"))
HOSTILE: tuple[bytes, ...] = (
    b"", b"\n", b"\n\n\n", b"\x00" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'"\n"', b"a", b",",
    b'a,"b\n' * 50, bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(200), b"a" * 100_000,
)  # fmt: skip


class SnifferContract(StepContract):
    """Subclass it and name the plugin; ``delimiters`` are those that it must tell apart."""

    stage = Stage.SNIFFER
    delimiters: ClassVar[tuple[str, ...]] = (",", ";", "\t", "|")

    def sniff(self, content: bytes) -> Format:
        run = self.run()
        path = run.workdir / "file.csv"
        path.write_bytes(content)
        dialect = run.pipeline.sniff(
            run, LocalFile(some_file("t/file.csv", len(content)), path, len(content)), None
        )
        expect(path.read_bytes() == content, "sniffing changed the file")
        return dialect

    def test_plain_files_in_each_delimiter(self) -> None:
        for delimiter in self.delimiters:
            text = "".join(delimiter.join(row) + "\n" for row in ROWS)
            found = self.sniff(text.encode()).fields()
            taken = found.get("delimiter")
            expect(taken == delimiter, f"{delimiter!r} was taken for {taken!r}")
            expect(found.get("has_header", True), f"no header was seen in {text!r}")

    def test_an_answer_makes_sense(self) -> None:
        found = self.sniff("".join(",".join(row) + "\n" for row in ROWS).encode())
        expect(bool(found.reader), "the format names no reader")
        expect(bool(found.describe()), "the format has no words for people")
        expect(0 <= found.confidence <= 1, f"confidence {found.confidence} is no share")
        codecs.lookup(found.encoding)
        survives(found)

    def test_the_same_file_gives_the_same_answer(self) -> None:
        content = "".join(";".join(row) + "\r\n" for row in ROWS).encode()
        expect(self.sniff(content) == self.sniff(content), "two looks, two answers")

    def test_no_bytes_bring_it_down(self) -> None:
        for content in HOSTILE:
            try:
                self.sniff(content)
            except LakefallError:
                continue
            except Exception as error:
                raise AssertionError(f"{content[:40]!r} raises {error!r}") from error

    def examples(self) -> Mapping[bytes, Format]:
        """Files that the plugin is for, with the format that it must find."""
        return {}

    def test_its_own_examples(self) -> None:
        for content, expected in self.examples().items():
            expect(self.sniff(content) == expected, f"{content[:80]!r} is read otherwise")

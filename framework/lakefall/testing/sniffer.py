"""The laws of a sniffer."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import ClassVar

from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import SnifferOptions, Stage
from lakefall.contract.values import Format, LocalFile
from lakefall.testing.contract import StepContract, expect, some_file, survives

ROWS = (("id", "name", "amount"), ("1", "ann", "1.5"), ("2", "bob", "2.25"), ("3", "eve", "3.0"))
HOSTILE: tuple[bytes, ...] = (
    b"", b"\n", b"\n\n\n", b"\x00" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'"\n"', b"a", b",",
    b'a,"b\n' * 50, bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(200), b"a" * 100_000,
)  # fmt: skip


class SnifferContract(StepContract):
    """Subclass it, name the plugin, and give it files of its format in ``examples``."""

    stage = Stage.SNIFFER
    delimiters: ClassVar[tuple[str, ...]] = ()
    """Of a format of delimited text alone: the delimiters that it must tell apart."""
    key: ClassVar[str] = "t/file.csv"
    """The key of every file, where its name matters."""

    def examples(self) -> Mapping[bytes, Format]:
        """Files that the plugin is for, with the format that it must find."""
        return {}

    def contents(self) -> list[bytes]:
        """The examples, and a small table in each delimiter."""
        texts = ("".join(d.join(row) + "\n" for row in ROWS) for d in self.delimiters)
        return [*self.examples(), *(text.encode() for text in texts)]

    def sniff(self, content: bytes) -> Format:
        run = self.run()
        path = run.workdir / self.key.rpartition("/")[2]
        path.write_bytes(content)
        return run.pipeline.sniff(
            run, LocalFile(some_file(self.key, len(content)), path, len(content)), None
        )

    def test_there_are_examples(self) -> None:
        expect(bool(self.contents()), "examples() is empty, so that no law can be tested")

    def test_its_own_examples(self) -> None:
        for content, expected in self.examples().items():
            expect(self.sniff(content) == expected, f"{content[:80]!r} is read otherwise")

    def test_plain_files_in_each_delimiter(self) -> None:
        for delimiter in self.delimiters:
            text = "".join(delimiter.join(row) + "\n" for row in ROWS)
            found = self.sniff(text.encode()).fields()
            taken = found.get("delimiter")
            expect(taken == delimiter, f"{delimiter!r} was taken for {taken!r}")
            expect(found.get("has_header", True), f"no header was seen in {text!r}")

    def test_an_answer_makes_sense(self) -> None:
        for content in self.contents():
            found = self.sniff(content)
            expect(bool(found.describe()), "the format has no words for people")
            expect(0 <= found.confidence <= 1, f"confidence {found.confidence} is no share")
            if found.encoding:
                codecs.lookup(found.encoding)
            json.dumps(found.fields())
            survives(found)

    def test_the_reader_is_named(self) -> None:
        model = self.plugin.options_model
        expect(issubclass(model, SnifferOptions), "the options do not derive SnifferOptions")
        named = getattr(model, "reader", "")
        for content in self.contents():
            reader = self.sniff(content).reader
            expect(reader == named, f"the format names reader {reader!r}, the options {named!r}")

    def test_the_same_file_gives_the_same_answer(self) -> None:
        for content in self.contents():
            expect(self.sniff(content) == self.sniff(content), "two looks, two answers")

    def test_the_file_is_left_as_it_is(self) -> None:
        for content in self.contents():
            run = self.run()
            path = run.workdir / self.key.rpartition("/")[2]
            path.write_bytes(content)
            local = LocalFile(some_file(self.key, len(content)), path, len(content))
            run.pipeline.sniff(run, local, None)
            there = path.exists() and path.read_bytes()
            expect(there == content, "sniffing changed the file")

    def test_no_bytes_bring_it_down(self) -> None:
        for content in (*HOSTILE, *(c[: len(c) // 2] for c in self.contents())):
            try:
                self.sniff(content)
            except LakefallError:
                continue
            except Exception as error:
                raise AssertionError(f"{content[:40]!r} raises {error!r}") from error

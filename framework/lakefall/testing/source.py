"""The laws of a source."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime

from lakefall.contract.errors import FileChangedError, FileVanishedError
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import Stage
from lakefall.contract.values import RegistryEntry, SourceFile
from lakefall.testing.contract import StepContract, expect, survives

FIRST, SECOND = b"a,b\n1,2\n", b"a,b\n3,4\n"


class SourceContract(StepContract):
    """Subclass it, name the plugin, and say how a file gets into the source and out of it."""

    stage = Stage.SOURCE

    def put(self, key: str, content: bytes) -> None:
        """Write or replace a file in the source."""
        raise NotImplementedError

    def remove(self, key: str) -> None:
        """Delete a file from the source."""
        raise NotImplementedError

    def listed(self) -> dict[str, SourceFile]:
        run = self.run()
        return {file.key: file for file in run.pipeline.discover(run)}

    def test_an_empty_source_lists_nothing(self) -> None:
        expect(self.listed() == {}, "files are listed where there are none")

    def test_a_file_is_listed_as_it_is(self) -> None:
        self.put("orders/2024/a.csv", FIRST)
        file = self.listed().get("orders/2024/a.csv")
        expect(file is not None, "orders/2024/a.csv is not listed under that key")
        if file is not None:
            expect(file.folder == "orders", f"its folder is {file.folder!r}, not 'orders'")
            expect(file.size == len(FIRST), f"its size is {file.size}, not {len(FIRST)}")
            expect(file.modified.utcoffset() is not None, "`modified` has no time zone")
            expect(bool(file.etag), "it has no change token")
            survives(file)

    def test_equal_tokens_mean_equal_content(self) -> None:
        self.put("t/a.csv", FIRST)
        before, again = self.listed()["t/a.csv"], self.listed()["t/a.csv"]
        expect(before.etag == again.etag, "the token of an unchanged file changed")
        self.put("t/a.csv", SECOND)
        expect(self.listed()["t/a.csv"].etag != before.etag, "other content, the same token")

    def test_fetching_brings_the_bytes(self) -> None:
        self.put("t/a.csv", FIRST)
        run = self.run()
        (local,) = run.pipeline.fetch(run, self.listed()["t/a.csv"])
        expect(local.path.read_bytes() == FIRST, "the fetched bytes are not those of the file")
        inside = local.path.resolve().is_relative_to(run.workdir.resolve())
        expect(inside, f"{local.path} lies outside the run's scratch folder")
        survives(local)

    def test_content_with_any_bytes_is_brought_whole(self) -> None:
        content = bytes(range(256)) * 5000 + os.urandom(3)
        self.put("t/a.csv", content)
        run = self.run()
        (local,) = run.pipeline.fetch(run, self.listed()["t/a.csv"])
        expect(local.path.read_bytes() == content, "the bytes are not those of the file")

    def test_a_deleted_file_is_said_to_be_gone(self) -> None:
        self.put("t/a.csv", FIRST)
        file = self.listed()["t/a.csv"]
        self.remove("t/a.csv")
        expect("t/a.csv" not in self.listed(), "a deleted file is still listed")
        self._refuses(file, FileVanishedError)

    def test_another_version_is_not_taken_for_the_listed_one(self) -> None:
        self.put("t/a.csv", FIRST)
        file = self.listed()["t/a.csv"]
        self.put("t/a.csv", SECOND)
        self._refuses(file, FileChangedError)

    def test_only_what_is_gone_has_vanished(self) -> None:
        if not hasattr(self.plugin, "vanished"):
            return  # then `on_source_deleted: delete` is refused for it
        self.put("t/a.csv", FIRST)
        self.put("t/b.csv", FIRST)
        listed = self.listed()
        expect(bool(listed["t/a.csv"].origin), "a listed file does not say its origin")
        entries = [_loaded(file) for file in listed.values()]
        strange = dataclasses.replace(entries[0], key="t/c.csv", origin="else://where")
        expect(self._vanished(*entries) == [], "a file that is there is said to be gone")
        self.remove("t/b.csv")
        found = self._vanished(*entries, strange)
        expect(found != ["t/b.csv", "t/c.csv"], "a file of another origin is said to be gone")
        expect(found == ["t/b.csv"], f"t/b.csv is gone, and {found} are said to be")

    def test_a_key_is_located_as_it_is_listed(self) -> None:
        if not hasattr(self.plugin, "locate"):
            return  # then a watcher lists it whole
        for key in ("t/a.csv", "t/sub/b c+%41.csv", "u/c.csv"):
            self.put(key, FIRST)
        run = self.run()
        listed = {file.key: file for file in run.pipeline.discover(run)}
        asked = ("t/a.csv", "t/sub/b c+%41.csv", "t/gone.csv", "t", "t/", "", "/t/a.csv",
                 "t/../u/c.csv", "../t/a.csv", "t//a.csv", "t/\0", "k" * 5000)  # fmt: skip
        hints = [Hint(key) for key in asked] + [Hint("u/c.csv", "else://where")]
        found = sorted(run.pipeline.discover(run, hints), key=lambda f: f.key)
        expected = [listed[key] for key in asked[:2]]
        expect(found == expected, f"of {[h.key[:20] for h in hints]}, {found} is located")
        origin = [Hint("u/c.csv", listed["u/c.csv"].origin)]
        expect(len(run.pipeline.discover(run, origin)) == 1, "a file of its own is not located")

    def _vanished(self, *entries: RegistryEntry) -> list[str]:
        run = self.run()
        return sorted(run.pipeline.vanished(run, self.plugin.name, entries))

    def _refuses(self, file: SourceFile, expected: type[Exception]) -> None:
        run = self.run()
        try:
            run.pipeline.fetch(run, file)[0]
        except expected:
            return
        raise AssertionError(f"fetch does not raise {expected.__name__}")


def _loaded(file: SourceFile) -> RegistryEntry:
    """The registry's row for a file that was loaded."""
    return RegistryEntry(
        file.key, file.etag, "t", "success", 1, 0, "", datetime.now(UTC), "run",
        origin=file.origin, loaded_table="t", loaded_rows=1,
    )  # fmt: skip

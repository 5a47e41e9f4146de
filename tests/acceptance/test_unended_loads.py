"""A file that kills the process that reads it: the others load, and it fails for good."""

from __future__ import annotations

import signal

from .lakes import EmbeddedLake

KILLS = """
at = FOLDER / "kill-at"
if at.exists() and f"{event.name} {event.key}" == at.read_text():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_that_kills_its_process_twice_fails_for_good_and_stops_no_other(
    embedded: EmbeddedLake,
) -> None:
    """As after the kernel's killer took the process for want of memory."""
    embedded.put("t/bomb.csv", "id,name\n31,x\n")
    for key in ("t/b.csv", "t/c.csv", "u/d.csv"):
        embedded.put(key, "id,name\n11,x\n")
    embedded.listen(KILLS)
    at = embedded.folder / "kill-at"
    at.write_text("open.started t/bomb.csv")
    assert embedded.start_run().wait().code == -signal.SIGKILL
    assert embedded.registry() == []
    # Suspected, it comes last and by itself, when all others are loaded and recorded.
    assert embedded.start_run().wait().code == -signal.SIGKILL
    assert {r["file_key"]: r["status"] for r in embedded.registry()} == {
        "t/b.csv": "success",
        "t/c.csv": "success",
        "u/d.csv": "success",
    }
    third = embedded.run(ok=False)
    assert third.statuses()["t/bomb.csv"] == "failed"
    words = next(o["error"] for o in third.objects if o["status"] == "failed")
    assert "2 loads of this file ended without a word" in words and "lakefall retry" in words
    assert embedded.run(ok=False).statuses()["t/bomb.csv"] == "skipped"
    at.unlink()
    embedded.put("t/bomb.csv", "id,name\n32,x\n")
    assert embedded.run().statuses()["t/bomb.csv"] == "success"
    assert not list((embedded.cache / "unended").iterdir())


def test_files_that_were_read_together_are_tried_alone_and_cleared(embedded: EmbeddedLake) -> None:
    """Which of them it was is not known; one death fails nobody."""
    for name in ("a", "b"):
        embedded.put(f"t/{name}.csv", "id,name\n11,x\n")
    embedded.listen(KILLS)
    at = embedded.folder / "kill-at"
    at.write_text("infer.started ")
    assert embedded.start_run().wait().code == -signal.SIGKILL
    at.unlink()
    assert embedded.run().statuses() == {"t/a.csv": "success", "t/b.csv": "success"}
    assert len(embedded.snapshots("t")) == 2
    assert not list((embedded.cache / "unended").iterdir())

"""A minute of chaos, and an oracle that can say no."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e.servers import Servers

from .embedded import Attacker
from .oracle import BrokenLawError
from .servers import FAULTS, ServerAttacker

SEED = 20261130
ATTACKS = {
    "kills": ["kill"] * 4 + ["kill_maintenance"] * 2,
    "others": ["rivals", "clock", "clock", "disk", "disk"],
}


@pytest.mark.parametrize("part", ATTACKS)
def test_laws_hold_on_one_machine(tmp_path: Path, part: str) -> None:
    attacker = Attacker.make(tmp_path, f"{SEED}:{part}", grace=0.5)
    attacker.settle()
    attacker.suffer(getattr(attacker, kind) for kind in ATTACKS[part])
    attacker.tidy()
    print(dict(attacker.oracle.counts))
    assert attacker.oracle.counts["judged"] > len(ATTACKS[part])


def test_laws_hold_among_faults(servers: Servers, tmp_path: Path) -> None:
    with ServerAttacker.on(servers, tmp_path, SEED) as attacker:
        attacker.settle()
        attacker.round(attacks=3)
        print(dict(attacker.oracle.counts))
        assert sum(attacker.oracle.counts[name] for name in FAULTS) >= 3


def doubled(table: Any) -> None:
    table.append(table.scan().to_arrow())


def one_lost(table: Any) -> None:
    table.delete("id = 12")


def mixed(table: Any) -> None:
    rows = table.scan(row_filter="id = 11").to_arrow()
    table.delete("id = 11")
    at = rows.schema.get_field_index("version")
    import pyarrow as pa

    table.append(rows.set_column(at, rows.schema.field(at), pa.array([7] * len(rows), pa.int32())))


def test_the_oracle_sees_what_is_wrong(tmp_path: Path) -> None:
    settled = Attacker.make(tmp_path, SEED, grace=0.0)
    settled.settle()
    lake, oracle, kept = settled.lake, settled.oracle, tmp_path / "kept"
    shutil.copytree(lake.lakehouse, kept)
    for damage in (doubled, one_lost, mixed):
        damage(lake.catalog().load_table(("lakehouse", "t")))
        with pytest.raises(BrokenLawError):
            oracle.after_attack(damage.__name__)
        shutil.rmtree(lake.lakehouse)
        shutil.copytree(kept, lake.lakehouse)
    oracle.after_maintenance("nothing is left")
    (lake.lakehouse / "lakehouse" / "t" / "data" / "stray.parquet").touch()
    with pytest.raises(BrokenLawError):
        oracle.after_maintenance("a file is left")
    for name in ("_ingest_rejects", "_ingest_registry"):
        lake.catalog().load_table(("lakehouse", name)).delete("file_key = 't/a.csv'")
        with pytest.raises(BrokenLawError):
            oracle.after_quiet_run(name)
    oracle.secrets = ("rows_loaded",)
    with pytest.raises(BrokenLawError):
        oracle.no_secret()

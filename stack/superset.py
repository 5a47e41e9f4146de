"""Superset in an environment of its own, with SQLite for its metadata."""

from __future__ import annotations

import shutil
from pathlib import Path

from .home import run
from .http import status
from .processes import Command
from .server import Server
from .trino import CATALOG, USER
from .versions import HERE, SUPERSET, digest

ADMIN = "admin"
DATABASE = "Trino Lakehouse"
CONFIG = HERE / "in_superset" / "config.py"
PREPARE = HERE / "in_superset" / "prepare.py"


class Superset(Server):
    name = "superset"
    ports = ("superset",)
    ready_seconds = 120

    def install(self) -> None:
        self._migrated()

    def _migrated(self) -> Path:
        """A metadata file with every table and role, to be copied."""
        environment = self.site.home.superset()
        name = f"superset-metadata-{digest(SUPERSET, CONFIG, PREPARE)}"

        def make(folder: Path) -> None:
            run(
                [environment / "bin" / "python", "-P", PREPARE],
                {
                    "SUPERSET_CONFIG_PATH": str(CONFIG),
                    "STACK_SUPERSET_METADATA": str(folder / "metadata.db"),
                    "STACK_SUPERSET_KEY": "only for this file",
                },
            )

        return self.site.home.once(name, "Superset's metadata", make) / "metadata.db"

    def command(self) -> Command:
        metadata = self.folder / "metadata.db"
        if not metadata.exists():
            new = metadata.with_suffix(".new")
            shutil.copyfile(self._migrated(), new)
            new.chmod(0o600)
            new.replace(metadata)
        settings = self.site.settings
        trino = f"127.0.0.1:{settings.ports['trino']}"
        env = {
            "SUPERSET_CONFIG_PATH": str(CONFIG),
            "SUPERSET_HOME": str(self.folder),
            "STACK_SUPERSET_METADATA": str(metadata),
            "STACK_SUPERSET_KEY": settings.secrets["superset_key"],
            "STACK_SUPERSET_ADMIN": ADMIN,
            "STACK_SUPERSET_PASSWORD": settings.secrets["superset"],
            "STACK_SUPERSET_DATABASE": DATABASE,
            "STACK_SUPERSET_DATABASE_URI": f"trino://{USER}@{trino}/{CATALOG}",
        }
        arguments: list[str | Path] = [
            self.site.home.superset() / "bin" / "python",
            *("-m", "gunicorn", "--workers", "1", "--threads", "8", "--timeout", "120"),
            *("--graceful-timeout", "5", "--bind", f"127.0.0.1:{self.port}"),
            "superset.app:create_app()",
        ]
        return Command(arguments, self.folder, env)

    def ready(self) -> bool:
        return status(f"{self.url}/health") == 200

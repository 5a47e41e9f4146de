"""Rules about the code itself that a reader can check."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakefall.contract import errors, hooks, sink_hooks, values
from lakefall_plugins.catalogue import BUILTINS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("framework/**/*.py"), *ROOT.glob("plugins/**/*.py")])
CORE = [p for p in SOURCES if "framework" in p.parts]
HEAVY = (
    "boto3",
    "botocore",
    "duckdb",
    "numpy",
    "pyarrow",
    "pyiceberg",
    "pandera",
    "pandas",
    "sqlalchemy",
)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


HOOKS = {
    f"{spec.__name__}.{name}": function
    for spec in (hooks.CatalogueHooks, hooks.StepHooks, sink_hooks.SinkHooks)
    for name, function in vars(spec).items()
    if not name.startswith("_")
}


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_imports_no_plugin_and_no_cloud(path: Path) -> None:
    foreign = {"lakefall_plugins", "airflow", "boto3", "pyiceberg", "trino", "pandas"}
    if "airflow" in path.parts:
        foreign.remove("airflow")
    assert not {name.partition(".")[0] for name in _imports(path)} & foreign


def test_sinks_and_registrars_share_what_is_meant_to_be_shared() -> None:
    """The sinks share ``sinks.lake``; whoever speaks to Trino, ``trino_client``. Nothing else."""
    shared = {"sinks/lake": ("sinks.lake",), "trino_client": ("trino_client",)}
    both = ("sinks.lake", "trino_client")
    for folder in (
        *shared,
        "sinks/iceberg",
        "sinks/trino",
        "registrars/trino",
        "registrars/superset",
    ):
        allowed = (folder.replace("/", "."), *shared.get(folder, both))
        for path in (ROOT / "plugins" / "lakefall_plugins" / folder).rglob("*.py"):
            for name in _imports(path):
                ours = name.removeprefix("lakefall_plugins.")
                assert ours == name or ours.startswith(allowed), f"{path} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_have_one_subject(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 600, "a second subject usually hides in it"
    assert not text or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_documented_and_typed(name: str) -> None:
    function = HOOKS[name]
    assert inspect.getdoc(function)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    unannotated = [
        p.name
        for p in list(signature.parameters.values())[1:]
        if p.annotation is inspect.Parameter.empty
    ]
    assert not unannotated


def test_values_between_steps_are_frozen_and_slotted() -> None:
    for name, value in vars(values).items():
        if inspect.isclass(value) and hasattr(value, "__dataclass_fields__"):
            assert value.__dataclass_params__.frozen, name
            assert "__slots__" in vars(value), name


def test_every_error_has_one_root_and_says_what_it_is() -> None:
    for value in vars(errors).values():
        if inspect.isclass(value):
            assert issubclass(value, errors.LakefallError)
            assert value.__doc__


def test_importing_the_command_line_and_all_plugins_imports_nothing_heavy() -> None:
    code = (
        "import sys, importlib\n"
        "import lakefall.cli, lakefall.run.runner, lakefall.config.loader\n"
        "from lakefall.plugin_loading.catalogue import Catalogue\n"
        "assert [e for e in Catalogue.default().entries() if not e.error]\n"
        f"print(*[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_pipeline_file_is_looked_at_without_importing_what_would_run_it() -> None:
    """Airflow parses in a fresh process each time: what is imported then is paid each time."""
    code = (
        "import sys\n"
        "from lakefall.config.loader import read\n"
        "from lakefall.airflow import describing\n"
        "file = read('pipelines/csv_auto_ingest.yaml', outline=True)\n"
        "assert describing.documentation(file, file.config().schedule)\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    imported = set(done.stdout.split())
    plugins = {plugin.partition(":")[0] for _, _, plugin, _ in BUILTINS}
    ours = {m for m in imported if m.startswith("lakefall")}
    assert "lakefall_plugins.sinks.iceberg.options" in ours
    assert not ours & plugins
    assert not ours & {
        f"lakefall.{m}"
        for m in (
            "plugin_loading.pipeline",
            "run.runner",
            "airflow.steps",
            "contract.hooks",
            "contract.values",
        )
    }
    assert not imported & {*HEAVY, "trino", "requests", "difflib"}
    packages = {m.rpartition(".")[0] for m in ours}  # without code of their own
    assert len(ours - packages) < 40, "a module costs some tenths of a millisecond"


def test_the_root_folder_airflow_does_not_shadow_the_real_one() -> None:
    assert not (ROOT / "airflow" / "__init__.py").exists()


LAYERS = (
    {"common"},
    {"contract"},
    {"files"},
    {"plugin_loading"},
    {"config"},
    {"tabular"},
    {"run"},
    {"cli", "airflow", "testing"},
)
"""The core's packages: each imports what stands above it here, and nothing beside or below it."""
PUBLIC = {"common", "contract", "files", "tabular"}
"""What plugins import of the core."""


def _at_run_time(path: Path) -> Iterator[str]:
    """Our modules that a file imports, but for those that only type checkers read."""
    tree = ast.parse(path.read_text())
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node not in hidden and isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _package(module: str) -> str:
    return f"{module}..".split(".")[1]


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_of_the_core_point_one_way(path: Path) -> None:
    mine = path.relative_to(ROOT / "framework" / "lakefall").parts[0]
    order = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    if mine not in order:
        assert mine in ("__init__.py", "__main__.py")
        return
    wrong = {
        module
        for module in _at_run_time(path)
        if module.startswith("lakefall.")
        and (other := _package(module)) in order
        and other != mine
        and order[other] >= order[mine]
    }
    assert not wrong


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if "plugins" in p.parts],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_plugins_use_the_public_part_of_the_core_and_no_sibling(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins" / "lakefall_plugins").parts
    kind, name = own[0], own[1] if len(own) > 2 else ""
    for module in _at_run_time(path):
        first, *rest = module.split(".")
        if first == "lakefall":
            assert rest[0] in PUBLIC, module
        elif first == "lakefall_plugins" and kind in ("formats", "sinks", "registrars", "sources"):
            shared = rest[:2] == ["sinks", "lake"] or rest[0] == "trino_client"
            assert shared or rest[0] == kind, module
            assert shared or not name or rest[1] == name, module

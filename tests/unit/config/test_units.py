from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lakefall.contract.plugin import Options
from lakefall.contract.units import ConfigPath, Duration, Share, Size

SIZE = TypeAdapter(Size)
DURATION = TypeAdapter(Duration)
SHARE = TypeAdapter(Share)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8KB", 8_000),
        ("100MB", 100_000_000),
        ("1GB", 1_000_000_000),
        ("1TB", 10**12),
        ("8KiB", 8_192),
        ("1 MiB", 1_048_576),
        ("1gib", 2**30),
        ("1.1KB", 1_100),
        ("2.29GB", 2_290_000_000),
        ("17B", 17),
        ("17", 17),
        (17, 17),
        (0, 0),
        (2.0, 2),
    ],
)
def test_size(text: object, size: int) -> None:
    assert SIZE.validate_python(text) == size


@pytest.mark.parametrize(
    "text", ["8K B", "8 parsec", "", "-1KB", "1.5B", "KB", -1, 1.5, True, None, [], "1e3", "½MB"]
)
def test_no_size(text: object) -> None:
    with pytest.raises(ValidationError, match="such as 8KB"):
        SIZE.validate_python(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172800), ("200ms", 0.2), (3, 3)],
)
def test_duration(text: object, seconds: float) -> None:
    assert DURATION.validate_python(text) == seconds


@pytest.mark.parametrize("text", ["5 minutes", "-3s", "s", True, float("inf"), float("nan"), "50%"])
def test_no_duration(text: object) -> None:
    with pytest.raises(ValidationError, match="such as 30s"):
        DURATION.validate_python(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [("50%", 0.5), ("100%", 1), ("0%", 0), ("29%", 0.29), ("0.5", 0.5), (1, 1), (0.9, 0.9)],
)
def test_share(text: object, share: float) -> None:
    assert SHARE.validate_python(text) == share


@pytest.mark.parametrize("text", ["101%", "50", 50, -0.1, "half", True])
def test_no_share(text: object) -> None:
    with pytest.raises(ValidationError, match="such as 50%"):
        SHARE.validate_python(text)


@given(st.integers(0, 9 * 10**8), st.sampled_from(["KB", "MB", "KiB", "GiB"]))
def test_whole_sizes_are_exact(number: int, unit: str) -> None:
    factor = {"KB": 1000, "MB": 10**6, "KiB": 1024, "GiB": 2**30}[unit]
    assert SIZE.validate_python(f"{number}{unit}") == number * factor


class _Options(Options):
    schema_file: ConfigPath
    folder: Path = Path()


def test_config_path_is_relative_to_the_pipeline_file() -> None:
    data = {"schema_file": "schemas/a.yaml", "folder": "inbox"}
    options = _Options.model_validate(data, context={"folder": Path("/p/pipelines")})
    assert options.schema_file == Path("/p/pipelines/schemas/a.yaml")
    assert options.folder == Path("inbox")


def test_config_path_without_pipeline_file_stays() -> None:
    assert _Options(schema_file=Path("a.yaml")).schema_file == Path("a.yaml")

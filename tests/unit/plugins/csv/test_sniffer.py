"""The plugin ``csv``: options, errors, the live table."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from sniffer_support import RUN, local, sniffer

from lakefall.contract.errors import EmptyFileError, LowConfidenceError, NoHeaderError
from lakefall.contract.plugin import Stage
from lakefall.contract.values import Column, TableState, from_json, to_json
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffer import CsvSniffer


def table(*names: str) -> TableState:
    columns = (Column(name.lower(), name, "VARCHAR", True) for name in names)
    return TableState("orders", tuple(columns))


def test_a_dialect_travels_between_machines(tmp_path: Path) -> None:
    found = sniffer().sniff(RUN, local(tmp_path, "a;b\n1;2,5\n3;4\n"), None)
    assert found.delimiter == ";"
    assert found.runner_up is not None
    assert from_json(Dialect, to_json(found)) == found


def test_the_live_table_is_asked(tmp_path: Path) -> None:
    file = local(tmp_path, "north,x\nsouth,y\neast,z\n")
    assert sniffer().sniff(RUN, file, None).has_header
    generous = sniffer(on_missing_header="generate")
    assert not generous.sniff(RUN, file, table("Region", "Kind")).has_header
    assert sniffer().sniff(RUN, file, table("North", "X")).has_header


def test_no_header_fails_and_says_what_is_known_and_what_helps(tmp_path: Path) -> None:
    file = local(tmp_path, "1,2.5\n2,3.5\n3,4.5\n")
    with pytest.raises(NoHeaderError, match=r"^orders/a\.csv: no header: line 1") as caught:
        sniffer().sniff(RUN, file, None)
    assert caught.value.format is not None
    assert caught.value.format.delimiter == ","
    assert "sniffer: {header: present}" in str(caught.value)
    assert not sniffer(on_missing_header="generate").sniff(RUN, file, None).has_header
    assert not sniffer(header="absent").sniff(RUN, file, None).has_header
    assert sniffer(header="present").sniff(RUN, file, None).has_header


@pytest.mark.parametrize(("header", "present"), [("present", True), ("absent", False)])
def test_a_given_header(tmp_path: Path, header: str, present: bool) -> None:
    found = sniffer(header=header).sniff(RUN, local(tmp_path, "a,b\n1,2\n"), None)
    assert (found.has_header, found.header_lines) == (present, int(present))


TIE = "a,b;c\nd,e;f\ng,h;i\n"


def test_doubt_names_both_readings_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LowConfidenceError) as caught:
        sniffer().sniff(RUN, local(tmp_path, TIE), None)
    message = str(caught.value)
    assert message.startswith("orders/a.csv: the file is read best with delimiter ','")
    assert "about as well with delimiter ';'" in message
    assert "min_confidence is 0.50" in message
    assert caught.value.format is not None
    assert caught.value.format.delimiter == ","


@pytest.mark.parametrize(
    ("text", "least"), [(TIE, 0.5), ("a;b|c\nd;e|f\n", 0.5), ("x,y\n1,'q'\n", 0.99)]
)
def test_the_remedy_is_yaml_that_settles_the_doubt(tmp_path: Path, text: str, least: float) -> None:
    file = local(tmp_path, text)
    with pytest.raises(LowConfidenceError) as caught:
        sniffer(min_confidence=least).sniff(RUN, file, None)
    remedies = str(caught.value).partition("Decide in the pipeline file: ")[2].split(" or ")
    assert len(remedies) == 2
    found = set()
    for remedy in remedies:
        given = yaml.safe_load(remedy)["tables"]["orders"]["sniffer"]
        dialect = sniffer(min_confidence=least, **given).sniff(RUN, file, None)
        found.add((dialect.delimiter, dialect.quotechar))
    assert len(found) == 2


def test_a_doubtful_encoding_is_named_with_both_remedies(tmp_path: Path) -> None:
    file = local(tmp_path, "")
    file.path.write_bytes("id,name\n1,Örebro\n2,Köln\n3,Simões\n4,Belém\n".encode("cp1252"))
    with pytest.raises(LowConfidenceError) as caught:
        sniffer(min_confidence=0.9).sniff(RUN, file, None)
    message = str(caught.value)
    assert message.startswith("orders/a.csv: the encoding is in doubt")
    assert caught.value.format is not None
    remedies = message.partition("Decide in the pipeline file: ")[2].split(" or ")
    given = [yaml.safe_load(text)["tables"]["orders"]["sniffer"] for text in remedies]
    assert {each["encoding"] for each in given} == {"cp1252", "cp1250"}
    for each in given:
        found = sniffer(min_confidence=0.9, **each).sniff(RUN, file, None)
        assert found.encoding == each["encoding"]
        assert found.runner_up is None or found.runner_up.score <= found.confidence


def test_errors_name_the_key_and_not_the_cached_copy(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError, match=r"^orders/a\.csv"):
        sniffer().sniff(RUN, local(tmp_path, "\n"), None)


def test_options() -> None:
    assert CsvSnifferOptions.model_validate({"sample_bytes": "64KB"}).sample_bytes == 64_000
    for wrong in (
        {"delimiter": ";" * 9},
        {"quotechar": "''"},
        {"min_confidence": 2},
        {"header": "maybe"},
        {"delimeter": ","},
    ):
        with pytest.raises(ValidationError):
            CsvSnifferOptions.model_validate(wrong)


def test_plugin() -> None:
    assert (CsvSniffer.name, CsvSniffer.stage) == ("csv", Stage.SNIFFER)
    assert CsvSniffer.options_model is CsvSnifferOptions
    assert CsvSniffer.summary()

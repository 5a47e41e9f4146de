import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefall.common import naming
from lakefall.common.naming import AUDIT_COLUMNS, column_names, table_name
from lakefall.contract.errors import TableNameError
from lakefall.run.runner import usable_table_name


@pytest.mark.parametrize(
    ("folder", "table"),
    [
        ("customers", "customers"),
        ("My Data!", "my_data"),
        ("9lives", "_9lives"),
        ("ünïcode", "unicode"),
        ("a--b__c", "a_b_c"),
        ("_private", "_private"),
        ("日本", "riben"),
        ("!!!", ""),
    ],
)
def test_nfr5_table_names(folder: str, table: str) -> None:
    assert table_name(folder) == table


def test_the_letter_of_the_specification_without_transliteration() -> None:
    assert table_name("ünïcode", transliterate=False) == "_n_code"


@pytest.mark.parametrize(
    "folder", ["!!!", "sales", "Sales!", "_ingest_registry", "_Ingest Rejects"]
)
def test_unusable_table_names_say_why(folder: str) -> None:
    with pytest.raises(TableNameError, match="rename the folder"):
        usable_table_name(folder, {"sales"})


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["Order ID  #"], ("order_id",)),
        (["", "  "], ("col_1", "col_2")),
        (["2024"], ("col_2024",)),
        (["a", "a", "a_2"], ("a", "a_3", "a_2")),
        (["a", "A", "a"], ("a", "a_2", "a_3")),
        (["_source_file", "_ingested_at"], ("source_file", "ingested_at")),
        (["Größe", "naïve"], ("grosse", "naive")),
        (["x" * 300], ("x" * 300,)),
    ],
)
def test_column_names(header: list[str], names: tuple[str, ...]) -> None:
    assert column_names(header) == names


@given(st.lists(st.text(max_size=8), max_size=30))
def test_column_names_are_unique_and_never_audit_columns(header: list[str]) -> None:
    names = column_names(header)
    assert len(set(names)) == len(names) == len(header)
    assert not set(names) & set(AUDIT_COLUMNS)
    assert all(names)


def test_numbering_equal_names_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name is looked up a few times, however many are equal (20,000 took 17 s)."""

    class Counted(set[str]):
        looks = 0

        def __contains__(self, name: object) -> bool:
            Counted.looks += 1
            return super().__contains__(name)

    monkeypatch.setattr(naming, "set", Counted, raising=False)
    names = naming.column_names(["name", "name_3", *["name"] * 2_000, "name_2"])
    assert len(set(names)) == len(names) == 2_003
    assert names[:4] == ("name", "name_3", "name_4", "name_5")
    assert names[-1] == "name_2"
    assert Counted.looks <= 4 * len(names)

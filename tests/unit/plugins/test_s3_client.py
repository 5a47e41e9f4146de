"""How the source s3 makes its client of botocore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.errors import SourceCredentialsError
from lakefall_plugins.sources.s3 import client
from lakefall_plugins.sources.s3.client import Bucket
from lakefall_plugins.sources.s3.options import S3Options


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile lake]\naws_access_key_id = of-the-profile\naws_secret_access_key = x\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_PROFILE", "AWS_DATA_PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


def made(**given: Any) -> Any:
    keys = {} if given else {"access_key_id": "a", "secret_access_key": "b"}
    return Bucket(S3Options.model_validate({"bucket": "csv-uploads", **keys, **given})).client


def test_what_botocore_knows_of_s3_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.loaders import JSONFileLoader

    read: list[str] = []
    load = JSONFileLoader.load_file

    def load_file(self: JSONFileLoader, path: str) -> Any:
        read.append(path)
        return load(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", load_file)
    client.models.cache_clear()
    first = made()
    assert any("service-2" in path for path in read)
    read.clear()
    assert made() is not first
    assert read == []


def test_descriptions_are_looked_for_where_botocore_is_told_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "more"))
    client.models.cache_clear()
    made()
    assert client.models.cache_info().currsize == 1
    assert str(tmp_path / "more") in client.models(str(tmp_path / "more")).search_paths
    assert client.models.cache_info().currsize == 1, "it is the one that was used"


def test_a_profile_has_the_keys_and_a_missing_one_is_told() -> None:
    assert made(profile="lake")._request_signer._credentials.access_key == "of-the-profile"
    with pytest.raises(SourceCredentialsError, match="sea"):
        made(profile="sea")

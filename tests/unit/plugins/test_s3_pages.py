"""A page of a listing is read as botocore reads it, which is the oracle here."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall_plugins.sources.s3.listing import parsers

TIMES = ["2024-02-29T23:59:59.123Z", "2024-02-29T23:59:59Z", "1999-12-31T00:00:00+02:00"]
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
objects = st.tuples(texts, st.sampled_from(TIMES), st.integers(0, 1 << 45), st.booleans())


@cache
def shape() -> Any:
    from botocore.session import Session

    client = Session().create_client("s3", region_name="us-east-1")
    return client.meta.service_model.operation_model("ListObjectsV2").output_shape


def library() -> Any:
    from botocore.parsers import ResponseParserFactory

    return ResponseParserFactory()


def page(contents: str, more: str = "<IsTruncated>false</IsTruncated>", root: str = "") -> bytes:
    name = root or "ListBucketResult"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{name} '
        f'xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{more}{contents}</{name}>'
    ).encode()


def content(key: str, time: str, size: int, *, plain: bool = True) -> str:
    etag = "&quot;0123&quot;" if plain else "&#34;0123-2&#34;"
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{size}</Size><Owner><ID>7</ID></Owner><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
    )


def read(factory: Any, body: bytes, status: int = 200) -> Any:
    answer = {"body": body, "status_code": status, "headers": {"X-Amz-Id": "1", "Server": "x"}}
    return factory.create_parser("rest-xml").parse(answer, shape())


def used(found: dict[str, Any]) -> dict[str, Any]:
    """What the source and the library's pagination take from a page."""
    names = ("Key", "LastModified", "ETag", "Size")
    listed = [{name: each[name] for name in names} for each in found.get("Contents", [])]
    rest = {n: found.get(n, "") for n in ("IsTruncated", "NextContinuationToken", "EncodingType")}
    return {"Contents": listed, **rest, "said": found["ResponseMetadata"]["HTTPHeaders"]}


@settings(deadline=None)
@given(st.lists(objects, max_size=5), st.sampled_from(["", "a&amp;b", "x"]))
def test_a_page_is_read_as_the_library_reads_it(items: list[Any], token: str) -> None:
    more = "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><Prefix></Prefix>"
    more += f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    body = page("".join(content(k, t, n, plain=p) for k, t, n, p in items), more)
    mine, theirs = read(parsers(), body), read(library(), body)
    assert used(mine) == used(theirs)
    assert len(mine["Contents"]) == len(items)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (page(content("a", "Thu, 29 Feb 2024 23:59:59 GMT", 3)), 200),
        (page(content("a", "2024-02-29T23:59:59", 3)), 200),
        (page("<Contents><Key>a</Key></Contents>"), 200),
        (page("", more=""), 200),
        (page("", root="Error", more="<Code>InternalError</Code>"), 200),
        (page("", root="Error", more="<Code>SlowDown</Code>"), 503),
        (b"", 200),
    ],
)
def test_what_is_no_usual_page_is_left_to_the_library(body: bytes, status: int) -> None:
    assert read(parsers(), body, status) == read(library(), body, status)


@pytest.mark.parametrize("body", [b"<html><p>", page("<Contents>")[:-30], b"\xff\xfe"])
def test_what_is_no_xml_is_the_librarys_error(body: bytes) -> None:
    from botocore.parsers import ResponseParserError

    with pytest.raises(ResponseParserError):
        read(parsers(), body)

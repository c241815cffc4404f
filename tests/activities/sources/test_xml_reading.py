"""XML from strangers: content as objects, lists and texts; nothing expands and nothing is fetched."""

import pytest

from activities.sources.reading import DEPTH_MAX, Wrong
from activities.sources.xml_reading import xml_of


def test_content_becomes_objects_lists_and_texts() -> None:
    name, node = xml_of(
        b"""<?xml version="1.0" encoding="UTF-8"?>
        <new-notice>
          <account-code> 7 </account-code>
          <email nil="true"/>
          <lines type="array"><line><id>1</id></line></lines>
          <tags><tag>a</tag><tag>b</tag></tags>
          <note>one</note><note>two</note><note>three</note>
        </new-notice>"""
    )
    assert name == "new_notice"
    assert node.fields == {
        "account_code": "7",
        "email": None,
        "lines": [{"id": "1"}],
        "tags": ["a", "b"],
        "note": ["one", "two", "three"],
    }


def test_a_root_without_children_holds_nothing() -> None:
    assert xml_of(b"<ping>now</ping>")[1].fields == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a><b></a>",
        b"\xff\xfe",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
    ],
)
def test_what_is_no_plain_xml_is_refused(body: bytes) -> None:
    with pytest.raises(Wrong, match="not XML that we read"):
        xml_of(body)


@pytest.mark.parametrize(("levels", "fits"), [(DEPTH_MAX, True), (DEPTH_MAX + 1, False), (5_000, False)])
def test_it_nests_no_deeper_than_json_may(levels: int, fits: bool) -> None:
    body = b"<a>" * levels + b"</a>" * levels
    if fits:
        assert xml_of(body)[0] == "a"
    else:
        with pytest.raises(Wrong, match="nests deeper"):
            xml_of(body)

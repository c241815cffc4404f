"""One delivery, many items: each keeps its bytes and goes by an id of its own."""

import hashlib
import json
from typing import Any

import pytest

from activities.sources.contract import Malformed
from tests.activities.sources.adyen_shapes import SHAPES, SPEAKER, TOKEN, batch, shape


def test_items_keep_their_bytes_and_go_by_code_reference_and_outcome() -> None:
    first = '{"eventCode" : "AUTHORISATION","pspReference":"P1", "success":"true","note":"gr\\u00fc\u00dfe"}'
    second = '{"eventCode":"AUTHORISATION","pspReference":"P1","success":"false"}'
    wrapped = ", ".join(f'{{"x": [1], "NotificationRequestItem" : {item} }}' for item in (first, second))
    items = SPEAKER.split(f'{{"notificationItems": [ {wrapped} ], "live": "true"}}'.encode())
    assert isinstance(items, tuple)
    assert [(item.event_key, item.body.decode()) for item in items] == [
        ("AUTHORISATION:P1:true", first),
        ("AUTHORISATION:P1:false", second),
    ]


def test_a_bare_item_and_a_newer_webhook_are_deliveries_of_one() -> None:
    bare = json.dumps(SHAPES["chargeback"]).encode()
    assert [item.event_key for item in SPEAKER.split(bare)] == ["CHARGEBACK:WXN8J4TTQ9LNRK82:true"]  # type: ignore[union-attr]
    assert [(item.event_key, item.body) for item in SPEAKER.split(TOKEN)] == [("KQ2V7RSTQ9LNRK82", TOKEN)]  # type: ignore[union-attr]


@pytest.mark.parametrize("odd", [{"pspReference": ...}, {"pspReference": "a b"}, {"success": 1}, {"eventCode": "A B"}])
def test_an_item_that_says_no_reference_goes_by_the_hash_of_its_bytes(odd: Any) -> None:
    body = json.dumps(shape("chargeback", **odd)).encode()
    items = SPEAKER.split(body)
    assert isinstance(items, tuple)
    assert items[0].event_key == f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[]",
            b"{}",
            b'{"eventCode":7}',
            b'{"type":""}',
            b'{"notificationItems":{}}',
            b'{"notificationItems":[{}]}',
        ),
        *(batch(), batch("x"), batch({}), batch({"type": "x"}), batch({"eventCode": "A", "notificationItems": []})),
    ],
)
def test_what_holds_no_event_is_malformed(body: bytes) -> None:
    assert isinstance(SPEAKER.split(body), Malformed)

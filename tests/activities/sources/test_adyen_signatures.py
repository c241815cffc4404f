"""How Adyen signs: theirs signs and ours verifies, every item of a batch, and no byte that was signed may change."""

import json
from typing import Any

import pytest
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from multidict import CIMultiDict

from activities.sources.contract import Rejected, Verified
from tests.activities.sources.adyen_shapes import (
    BATCH,
    KEY,
    OTHER_KEY,
    SHAPES,
    SPEAKER,
    TOKEN,
    TOKEN_HEADERS,
    batch,
    reason,
    shape,
    signed,
    verify,
)
from tests.activities.sources.speaking import one_byte_changed, vectors


def test_a_batch_holds_when_every_item_of_it_holds() -> None:
    assert verify(BATCH) == Verified()
    assert verify(batch(signed(SHAPES["chargeback"], OTHER_KEY), signed(SHAPES["authorisation"])), KEY, OTHER_KEY) == (
        Verified()
    )


def test_a_forged_second_item_is_refused_where_their_library_looks_at_the_first_alone() -> None:
    forged = {**signed(SHAPES["authorisation"]), "success": "false"}
    body = batch(signed(SHAPES["authorisation_refused"]), forged)
    assert is_valid_hmac_notification(json.loads(body), KEY)
    assert reason(verify(body)) == "the signature of item 2 of 2 does not belong to its fields and our keys"


@pytest.mark.parametrize("extra", [None, {}, [], {"hmacSignature": ""}, {"hmacSignature": None}, {"hmacSignature": 7}])
def test_an_item_without_a_signature_is_named_by_its_place(extra: object) -> None:
    unsigned = {**SHAPES["authorisation"], "additionalData": extra}
    assert reason(verify(batch(signed(SHAPES["chargeback"]), unsigned, signed(SHAPES["chargeback"])))) == (
        "item 2 of 3 has no additionalData.hmacSignature"
    )


@pytest.mark.parametrize(
    "reference", [":slashes are fun", "\\\\back", "//", "\\:/\\/", " lead", "", "ä€", "0", "a:b:c", "\u2028"]
)
def test_whatever_a_merchant_writes_into_a_reference_is_signed_as_it_is(reference: str) -> None:
    assert verify(batch(signed(shape("authorisation", merchantReference=reference)))) == Verified()


def test_zero_is_signed_as_0_and_what_is_missing_as_nothing() -> None:
    nothing = shape("authorisation", amount={"currency": "EUR", "value": 0}, merchantReference=...)
    assert verify(batch(signed(nothing))) == Verified()


def test_only_the_merchants_reference_may_hold_a_colon() -> None:
    """Nothing is escaped: cut in another place, the same text would be signed for another payment."""
    genuine = signed(shape("authorisation", merchantReference="INV:EVIL"))
    cut_elsewhere = {**genuine, "merchantAccountCode": "RecoupTest:INV", "merchantReference": "EVIL"}
    assert generate_notification_sig(genuine, KEY) == generate_notification_sig(cut_elsewhere, KEY)
    assert verify(batch(genuine)) == Verified()
    assert "a colon outside of merchantReference" in reason(verify(batch(cut_elsewhere)))


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_a_signed_field_of_an_odd_kind_is_refused(value: object) -> None:
    assert "no texts" in reason(verify(batch({**signed(SHAPES["authorisation"]), "merchantReference": value})))
    assert isinstance(verify(batch({**signed(SHAPES["authorisation"]), "amount": value})), Rejected)


def test_a_newer_webhook_is_signed_by_a_header_over_its_bytes() -> None:
    assert verify(TOKEN, headers=TOKEN_HEADERS) == Verified()
    assert "does not belong to this body" in reason(verify(TOKEN + b" ", headers=TOKEN_HEADERS))
    assert "eventCode is missing" in reason(verify(TOKEN))
    twice = CIMultiDict([("HmacSignature", TOKEN_HEADERS["HmacSignature"])] * 2)
    assert "not 2 times" in reason(verify(TOKEN, headers=twice))
    assert isinstance(verify(TOKEN, headers={"HMACSIGNATURE": "é\ud800"}), Rejected)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", batch(), batch("text"), batch({}), batch({"type": "x"})])
def test_a_body_without_standard_items_and_without_a_header_is_refused(body: bytes) -> None:
    assert isinstance(verify(body), Rejected)


def test_a_key_is_64_hexadecimal_digits() -> None:
    assert SPEAKER.complaint_about(KEY) is None
    assert SPEAKER.complaint_about(f" {KEY.lower()}\n") is None
    for no_key in ("", KEY[:-1], KEY[:-2], "whsec_abc", "Z" * 64, KEY + "00"):
        assert "64 hexadecimal digits" in str(SPEAKER.complaint_about(no_key))
    assert "no HMAC key" in reason(verify(BATCH, "whsec_abc"))


@pytest.mark.parametrize("no_key", ["00", KEY[:-2], KEY + "01"])
def test_a_key_of_another_length_never_counts_even_where_the_signature_is_made_with_it(no_key: str) -> None:
    forged = batch(signed(SHAPES["authorisation"], no_key))
    assert "no HMAC key" in reason(verify(forged, no_key))
    assert "does not belong" in reason(verify(forged, no_key, KEY))


def what_is_signed(item: Any) -> Any:
    """The fields that Adyen signs, and the signature."""
    if not isinstance(item, dict):
        return None
    amount, extra = item.get("amount"), item.get("additionalData")
    amount, extra = amount if isinstance(amount, dict) else {}, extra if isinstance(extra, dict) else {}
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")
    inner = (amount.get("value"), amount.get("currency"), extra.get("hmacSignature"))
    return [*(item.get(name) or "" for name in names), *inner]


def test_published_items_verify_and_none_does_with_any_one_signed_byte_changed() -> None:
    published = vectors("adyen-item-hmac")
    assert len(published) >= 8
    for vector in published:
        body = vector["body"].encode()
        assert isinstance(verify(body, vector["secret"]), Verified) is vector["verifies"], vector["note"]
        for changed in one_byte_changed(body):
            try:
                untouched = what_is_signed(json.loads(changed)) == what_is_signed(json.loads(body))
            except ValueError:
                untouched = False
            assert isinstance(verify(changed, vector["secret"]), Verified) is untouched, changed


def test_published_bodies_verify_and_none_does_with_any_one_byte_changed() -> None:
    published = vectors("adyen-payload-hmac")
    assert len(published) >= 3
    for vector in published:
        body = vector["body"].encode()
        answer = verify(body, vector["secret"], headers=vector["headers"])
        assert isinstance(answer, Verified) is vector["verifies"], vector["source"]
        for changed in one_byte_changed(body):
            assert isinstance(verify(changed, vector["secret"], headers=vector["headers"]), Rejected)

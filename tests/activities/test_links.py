"""Links to the customer's page: ours or not, for whom, until when; the same message has the same link."""

import inspect
from datetime import UTC, datetime, timedelta

import itsdangerous.signer
import pytest

from activities.links import Links, PayLink, PayPurpose, SignedLink, link_id_of
from policies.keys import CustomerRef

ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
MONTH, HOUR = timedelta(days=30), timedelta(hours=1)
KEYS = ["new-key", "old-key"]
LINKS = Links("https://pay.example/", KEYS)
MAIL = PayLink.of_letter(ADA, "mes_1.email", NOW)
WALL = PayLink.of_wall(ADA, NOW)


def token_of(link: PayLink, links: Links = LINKS) -> str:
    return links.pay(link).removeprefix("https://pay.example/pay/")


def read(token: str, links: Links = LINKS) -> SignedLink:
    found = links.read_pay(token)
    assert found
    return found


@pytest.mark.parametrize(("link", "purpose", "lasts"), [(MAIL, "pay", MONTH), (WALL, "wall", HOUR)])
def test_a_link_is_read_as_it_was_made(link: PayLink, purpose: PayPurpose, lasts: timedelta) -> None:
    assert (link.customer, link.purpose) == (ADA, purpose)
    assert link.expires_at == NOW.replace(microsecond=0) + lasts
    assert read(token_of(link)).of(ADA) == link


def test_one_that_is_over_is_read_as_well_and_says_since_when() -> None:
    long_ago = PayLink.of_letter(ADA, "mes_1.email", datetime(2020, 1, 1, tzinfo=UTC))
    assert read(token_of(long_ago)).expires_at == datetime(2020, 1, 31, tzinfo=UTC)


def test_a_repeated_activity_makes_the_same_address_and_another_message_another_one() -> None:
    again = PayLink.of_letter(ADA, "mes_1.email", NOW)
    assert LINKS.pay(again) == LINKS.pay(MAIL)
    ids = {link_id_of(key) for key in ("mes_1.email", "mes_1.sms", "mes_2.email")}
    assert len(ids) == 3
    assert link_id_of("mes_1.email") == MAIL.link_id
    assert PayLink.of_wall(ADA, NOW).link_id != WALL.link_id


def test_an_address_names_nobody_and_leaves_room_in_a_text_message() -> None:
    assert len(LINKS.pay(MAIL)) < 110
    assert not any(word in LINKS.pay(MAIL) for word in ("cus", "ada", "stripe"))


@pytest.mark.parametrize("keys", [["old-key"], ["newer", "new-key", "old-key"]])
def test_keys_rotate(keys: list[str]) -> None:
    """What was signed by a key that is still known is read; the first one signs."""
    token = token_of(MAIL, Links("https://pay.example", ["old-key"]))
    assert read(token, Links("https://pay.example", keys)).of(ADA) == MAIL
    assert Links("https://pay.example", ["newer"]).read_pay(token) is None
    assert Links("https://pay.example", [keys[0]]).read_pay(token_of(MAIL, Links("https://pay.example", keys)))


def test_a_token_of_another_purpose_is_none_of_these() -> None:
    for purpose in ("preferences", "feed"):
        assert LINKS.read_pay(LINKS.token(purpose, ADA)) is None
        assert LINKS.customer_of(purpose, token_of(MAIL)) is None
        assert LINKS.customer_of(purpose, LINKS.token(purpose, ADA)) == ADA
    assert LINKS._read_pay("pay", token_of(WALL)) is None, "an hour does not become a month"
    assert LINKS._read_pay("wall", token_of(MAIL)) is None


def test_a_token_that_was_changed_anywhere_is_forged() -> None:
    token = token_of(MAIL)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        found = LINKS.read_pay(token[:place] + other + token[place + 1 :])
        # The last digit of base64 has bits that mean nothing; the signature is compared as bytes, so it may be changed.
        assert found is None or (place == len(token) - 1 and found.of(ADA) == MAIL), place


@pytest.mark.parametrize("link_id", ["", "short", "<script>alert(1)</script>", "x" * 65, "a b" * 8, "é" * 20])
def test_a_signed_token_that_holds_something_else_is_none(link_id: str) -> None:
    assert LINKS.read_pay(LINKS._signer("pay").sign(link_id).decode()) is None


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", "%00", "é", "\ud800", "x" * 100_000])
def test_any_text_can_be_read(token: str) -> None:
    assert LINKS.read_pay(token) is None


def test_signatures_are_compared_in_constant_time() -> None:
    """By itsdangerous, which is all that looks at them."""
    assert "compare_digest" in inspect.getsource(itsdangerous.signer.SigningAlgorithm.verify_signature)
    assert "==" not in inspect.getsource(Links._read_pay)


def test_without_a_key_there_are_no_links() -> None:
    with pytest.raises(ValueError, match="RECOUP_LINK_KEYS"):
        Links("https://pay.example", [])

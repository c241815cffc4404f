"""Links to the customer's page: ours or not, for whom, until when; the same message has the same link."""

import inspect
from datetime import UTC, datetime, timedelta

import itsdangerous.signer
import pytest

from activities.links import Expired, Links, PayLink, PayPurpose, link_id_of
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


@pytest.mark.parametrize(("link", "purpose", "lasts"), [(MAIL, "pay", MONTH), (WALL, "wall", HOUR)])
def test_a_link_is_read_as_it_was_made_until_it_ends(link: PayLink, purpose: PayPurpose, lasts: timedelta) -> None:
    assert (link.customer, link.purpose) == (ADA, purpose)
    assert link.expires_at == NOW.replace(microsecond=0) + lasts
    token = token_of(link)
    assert LINKS.read_pay(token, NOW) == link
    assert LINKS.read_pay(token, link.expires_at - timedelta(seconds=1)) == link
    assert LINKS.read_pay(token, link.expires_at) == Expired(customer=ADA, link_id=link.link_id)


def test_what_is_read_without_a_moment_is_read_now() -> None:
    assert LINKS.read_pay(token_of(MAIL.model_copy(update={"expires_at": datetime.now(UTC) + HOUR})))
    long_ago = PayLink.of_letter(ADA, "mes_1.email", datetime(2020, 1, 1, tzinfo=UTC))
    assert LINKS.read_pay(token_of(long_ago)) == Expired(customer=ADA, link_id=long_ago.link_id)


def test_a_repeated_activity_makes_the_same_address_and_another_message_another_one() -> None:
    again = PayLink.of_letter(ADA, "mes_1.email", NOW)
    assert LINKS.pay(again) == LINKS.pay(MAIL)
    ids = {link_id_of(key) for key in ("mes_1.email", "mes_1.sms", "mes_2.email")}
    assert len(ids) == 3
    assert link_id_of("mes_1.email") == MAIL.link_id
    assert PayLink.of_wall(ADA, NOW).link_id != WALL.link_id


def test_an_address_names_no_more_than_is_needed_and_fits_into_a_text_message() -> None:
    assert len(LINKS.pay(MAIL)) < 200


@pytest.mark.parametrize("keys", [["old-key"], ["newer", "new-key", "old-key"]])
def test_keys_rotate(keys: list[str]) -> None:
    """What was signed by a key that is still known is read; the first one signs."""
    token = token_of(MAIL, Links("https://pay.example", ["old-key"]))
    assert Links("https://pay.example", keys).read_pay(token, NOW) == MAIL
    assert Links("https://pay.example", ["newer"]).read_pay(token, NOW) is None
    assert Links("https://pay.example", [keys[0]]).read_pay(token_of(MAIL, Links("https://pay.example", keys)), NOW)


def test_a_token_of_another_purpose_is_none_of_these() -> None:
    for purpose in ("preferences", "feed"):
        assert LINKS.read_pay(LINKS.token(purpose, ADA)) is None
        assert LINKS.customer_of(purpose, token_of(MAIL)) is None
        assert LINKS.customer_of(purpose, LINKS.token(purpose, ADA)) == ADA
    assert LINKS._read_pay("pay", token_of(WALL)) is None, "an hour does not become a month"
    assert LINKS._read_pay("wall", token_of(MAIL)) is None


def test_a_token_that_was_changed_anywhere_is_forged_and_never_called_expired() -> None:
    token = token_of(MAIL)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        # The last digit of base64 has bits that mean nothing; the signature is compared as bytes, so it may be changed.
        if LINKS._serializer("pay").loads_unsafe(changed)[0]:
            assert place in (len(token) - 1, token.rindex(".") - 1)
            continue
        assert LINKS.read_pay(changed, NOW) is None
        assert LINKS.read_pay(changed, NOW + 2 * MONTH) is None


@pytest.mark.parametrize(
    "payload",
    [
        ["stripe", "default", "cus_ada"],
        ["stripe", "default", "cus_ada", "x" * 24, "more"],
        ["stripe", "default", "cus_ada", "short"],
        ["stripe", "default", "cus_ada", "<script>alert(1)</script>"],
        ["stripe", "default", "cus/ada", "x" * 24],
        ["stripe", "default", None, "x" * 24],
        {"source": "stripe"},
        "stripe",
        7,
        None,
    ],
)
def test_a_signed_token_that_holds_something_else_is_none(payload: object) -> None:
    assert LINKS.read_pay(LINKS._serializer("pay").dumps(payload)) is None


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

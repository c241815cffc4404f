"""Codes for the customer's page on real channels with an outbox as witness: to known addresses only, kept nowhere."""

import json
import logging
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.channels.contract import Letter, NotSent, SendOutcome
from activities.channels.render import LANGUAGES
from activities.channels.sms_segments import segments
from activities.customers import ContactPoint, Customer
from activities.links import PayLink
from activities.page_access import CodeNotSent, CodeSent, PageAccess
from activities.page_code_words import WORDS, code_words
from activities.store.page_access import CodeExpired, TooMany, TooManyCodes, Verified, Wrong
from activities.store.store import Store
from policies.keys import CustomerRef
from tests.activities.test_charging import adapters_at
from tests.fixtures.sandbox import START, RunningSandbox
from tests.fixtures.store import DEAD_ADDRESS
from tests.fixtures.troubled import Trouble, troubled

ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
ADDRESS, PHONE = "ada.lovelace@customers.example", "+15005550006"
WRITTEN = Customer(email=ContactPoint(address=ADDRESS), sms=ContactPoint(address=PHONE))
LINK = PayLink.of_letter(ADA, "mes_1.email", START)
BROWSER, OTHER_BROWSER = "b" * 64, "c" * 64
KEYS = ["new-key", "old-key"]
NIGHT = START.replace(hour=3)
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass
class Door:
    sandbox: RunningSandbox
    store: Store
    url: str = ""
    keys: list[str] = field(default_factory=lambda: list(KEYS))

    @property
    def access(self) -> PageAccess:
        channels = adapters_at(self.url or self.sandbox.url, self.sandbox.session).channels
        return PageAccess(self.store, channels, "Northwind", self.keys)

    async def knows(self, customer: Customer) -> None:
        await self.store.customers.put(ADA.source, ADA.account, ADA.customer_id, customer, START)

    async def send(self, channel: str = "email", browser: str = BROWSER, at: datetime = START) -> Any:
        return await self.access.send_code(LINK, browser, channel, at)

    async def verify(self, code: str, browser: str = BROWSER, at: datetime = START) -> Any:
        return await self.access.verify(LINK, browser, code, at)

    async def letters(self) -> list[dict[str, Any]]:
        """Newest first."""
        letters: list[dict[str, Any]] = (await self.sandbox.get("/outbox.json")).body["messages"]
        return letters

    async def code(self) -> str:
        """The one that was sent last."""
        (code,) = re.findall(r"\b\d{6}\b", (await self.letters())[0]["text"])
        return str(code)


@pytest.fixture
async def door(sandbox: RunningSandbox, store: Store) -> Door:
    for table in ("page_codes", "page_sessions"):
        await store.pool.execute(f"delete from {table}")
    door = Door(sandbox, store)
    await door.knows(WRITTEN)
    return door


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


@pytest.mark.parametrize(("channel", "to", "shown"), [("email", ADDRESS, "a•••@c•••.example"), ("sms", PHONE, "•••06")])
async def test_a_code_goes_to_the_address_that_we_know_and_opens_the_page(
    door: Door, channel: str, to: str, shown: str
) -> None:
    assert await door.send(channel) == CodeSent(to=shown)
    (letter,) = await door.letters()
    assert (letter["channel"], letter["to"]) == (channel, to)
    code = await door.code()
    assert code not in letter["subject"]
    assert not await door.access.is_verified(LINK, BROWSER, START)
    assert await door.verify(code) == Verified(until=START + timedelta(hours=2))
    assert await door.access.is_verified(LINK, BROWSER, START)
    assert not await door.access.is_verified(LINK, OTHER_BROWSER, START)


async def test_it_is_told_where_a_code_can_go_without_telling_the_address(door: Door) -> None:
    assert await door.access.places(ADA) == {"email": "a•••@c•••.example", "sms": "•••06"}
    assert await door.access.places(ADA.model_copy(update={"customer_id": "cus_bob"})) == {}


async def test_a_code_typed_in_elsewhere_or_by_guess_opens_nothing(door: Door) -> None:
    await door.send()
    code = await door.code()
    assert await door.verify(code, OTHER_BROWSER) == CodeExpired()
    for left in (4, 3, 2, 1):
        assert await door.verify(other_than(code)) == Wrong(tries_left=left)
    assert await door.verify("") == TooMany()
    assert await door.verify(code) == TooMany()
    assert not await door.access.is_verified(LINK, BROWSER, START)


async def test_after_ten_minutes_a_code_is_too_old(door: Door) -> None:
    await door.send()
    assert await door.verify(await door.code(), at=START + timedelta(minutes=10)) == CodeExpired()


@pytest.mark.parametrize("typed", ["{0}", " {1} {2} ", "{1}-{2}", "{arabic}"])
async def test_a_code_is_read_as_people_type_it(door: Door, typed: str) -> None:
    await door.send()
    code = await door.code()
    text = typed.format(code, code[:3], code[3:], arabic=code.translate(ARABIC_DIGITS))
    assert isinstance(await door.verify(text), Verified)


@pytest.mark.parametrize("typed", ["²" * 6, "½", "\ud800", "x" * 100_000, "0" * 7, "{0}0", "0{0}"])
async def test_anything_can_be_typed(door: Door, typed: str) -> None:
    await door.send()
    assert isinstance(await door.verify(typed.format(await door.code())), Wrong)


async def test_a_code_that_was_sent_before_the_keys_were_rotated_is_good(door: Door) -> None:
    door.keys = ["old-key"]
    await door.send()
    code = await door.code()
    door.keys = ["new-key"]
    assert isinstance(await door.verify(code), Wrong)
    door.keys = ["new-key", "old-key"]
    assert isinstance(await door.verify(code), Verified)


async def test_a_code_goes_out_at_night_without_consent_and_uses_up_no_share(door: Door) -> None:
    silent = {"email": ContactPoint(address=ADDRESS, consent=False), "sms": ContactPoint(address=PHONE, consent=False)}
    await door.knows(Customer.model_validate({**silent, "zone": "Europe/Berlin"}))
    assert isinstance(await door.send("sms", at=NIGHT), CodeSent)
    assert await door.store.messages.contacts(ADA, "stripe/default/in_1", NIGHT) == ()


async def test_an_address_whose_owner_has_stopped_us_gets_no_code(door: Door) -> None:
    stops = door.store.channel_stops
    await stops.stop("sms", stops.hash_of("sms", PHONE), "opted_out", START)
    assert await door.access.places(ADA) == {"email": "a•••@c•••.example"}
    assert await door.send("sms") == CodeNotSent()
    assert await door.letters() == []


class OptedOut:
    """A provider that knows that the owner of the number has said stop."""

    name, receipts = "sms", True

    async def send(self, letter: Letter) -> SendOutcome:
        return NotSent(reason="21610", withdrawn="opted_out")


async def test_a_stop_that_only_the_provider_knew_is_remembered(door: Door) -> None:
    access = PageAccess(door.store, {"sms": OptedOut()}, "Northwind", KEYS)
    assert await access.places(ADA) == {"sms": "•••06"}
    assert await access.send_code(LINK, BROWSER, "sms", START) == CodeNotSent()
    assert await access.places(ADA) == {}


@pytest.mark.parametrize("channel", ["in_app", "push", "webhook", "fax", ""])
async def test_a_code_goes_by_mail_or_text_message_only(door: Door, channel: str) -> None:
    await door.knows(WRITTEN.model_copy(update={"in_app": ContactPoint(address="ada")}))
    assert await door.send(channel) == CodeNotSent()


async def test_three_codes_an_hour_and_the_newest_counts(door: Door) -> None:
    await door.send()
    first = await door.code()
    for minute in (1, 2):
        assert isinstance(await door.send("sms", at=START + timedelta(minutes=minute)), CodeSent)
    later = START + timedelta(minutes=3)
    assert await door.send(at=later) == TooManyCodes(until=START + timedelta(hours=1))
    newest = await door.code()
    assert first == newest or await door.verify(first, at=later) == Wrong(tries_left=4)
    assert isinstance(await door.verify(newest, at=later), Verified)
    assert len(await door.letters()) == 3


async def test_what_certainly_did_not_go_out_uses_nothing_up(door: Door) -> None:
    await door.knows(Customer(email=ContactPoint(address="bounce@customers.example"), sms=WRITTEN.sms))
    for _ in range(4):
        assert await door.send() == CodeNotSent()
    door.url = f"http://{DEAD_ADDRESS}"
    for _ in range(4):
        assert await door.send("sms") == CodeNotSent()
    door.url = ""
    assert isinstance(await door.send("sms"), CodeSent)


async def test_what_may_have_gone_out_counts_and_may_be_used(door: Door) -> None:
    async with troubled(Trouble.CLOSES) as url:
        door.url = url
        for _ in range(3):
            assert isinstance(await door.send(), CodeSent)
        assert isinstance(await door.send(), TooManyCodes)


async def test_neither_code_nor_address_is_logged_or_kept(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await door.send()
        code = await door.code()
        await door.verify(other_than(code))
        await door.verify(code)
        door.url = f"http://{DEAD_ADDRESS}"
        await door.send("sms", at=START + timedelta(minutes=1))
    kept = [dict(row) for row in await door.store.pool.fetch("select * from page_codes")]
    kept += [dict(row) for row in await door.store.pool.fetch("select * from page_sessions")]
    assert len(kept) == 2
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("activities"))
    assert "not sent by sms: Unavailable" in ours
    for secret in (code, ADDRESS, PHONE):
        assert secret not in ours
        assert not [row for row in kept if secret in map(str, row.values())]
    assert await door.store.pool.fetchval("select count(*) from message_texts") == 0


async def test_codes_are_six_digits_and_not_always_the_same(door: Door) -> None:
    codes = []
    for hour in range(8):
        await door.send(at=START + timedelta(hours=hour))
        codes.append(await door.code())
    assert all(re.fullmatch("[0-9]{6}", code) for code in codes)
    assert len(set(codes)) > 1


def test_without_a_key_no_code_is_kept(store: Store) -> None:
    with pytest.raises(ValueError, match="RECOUP_LINK_KEYS"):
        PageAccess(store, {}, "Northwind", [])


# The words


def test_there_are_words_in_each_language_of_the_templates() -> None:
    assert set(WORDS) == set(LANGUAGES)
    for words in WORDS.values():
        assert "{merchant}" in words.subject
        assert "{code}" not in words.subject
        for text in (words.text, words.sms):
            assert "{code}" in text
            assert "{merchant}" in text
            assert "10" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_message_with_a_code_costs_little(language: str) -> None:
    said = code_words(language, "sms", "Northwind", "012345")
    assert "012345" in said.text
    assert segments(said.text).count <= 2


@pytest.mark.parametrize(
    ("locale", "written", "direction"),
    [
        ("pt_BR", "pt_BR", "ltr"),
        ("de-AT", "de-AT", "ltr"),
        ("ar", "ar", "rtl"),
        ("sv_SE", "en", "ltr"),
        ("", "en", "ltr"),
    ],
)
def test_who_speaks_none_of_our_languages_reads_english(locale: str, written: str, direction: str) -> None:
    said = code_words(locale, "email", "Northwind", "012345")
    assert (said.locale, said.direction) == (written, direction)
    assert ("is your code" in said.text) == (written == "en")


def test_from_right_to_left_names_and_numbers_stand_in_their_own_order() -> None:
    said = code_words("ar", "email", "Northwind", "012345")
    assert "\u2068012345\u2069" in said.text
    assert "\u2068Northwind\u2069" in said.subject


def test_a_merchants_name_is_no_pattern() -> None:
    assert "{code} & {x}" in code_words("en", "email", "{code} & {x}", "012345").text
    assert json.dumps(code_words("en", "sms", "A", "012345").subject) == '"Your code for A"'

"""What was said in a case, to be shown word by word, and what still proves it once the words are gone."""

import hashlib
from datetime import timedelta

import pytest

from activities.store.erasure import Erasure
from activities.store.evidence import Evidence, SentMessage
from activities.store.store import Store
from policies.said import MessageStatus
from tests.activities.store.spoken import BOB, HASH_OF_ADDRESS, NOW, Spoken

HOUR = timedelta(hours=1)


@pytest.fixture
def spoken(store: Store) -> Spoken:
    return Spoken(store)


async def evidence(spoken: Spoken, case_id: str = "stripe/default/in_1") -> tuple[SentMessage, ...]:
    return await Evidence(spoken.store.pool).of_case(case_id)


async def test_a_case_in_which_nothing_was_said(spoken: Spoken) -> None:
    await spoken.open()
    assert await evidence(spoken) == ()
    assert await evidence(spoken, "stripe/default/in_nothing") == ()


async def test_a_message_with_its_words_its_steps_and_its_receipts(spoken: Spoken) -> None:
    key = await spoken.reserve(await spoken.open(), variant="late")
    await spoken.say(key, text="Dear Ada")
    await spoken.hear(key, "opened", at=NOW + 2 * HOUR)
    await spoken.hear(key, "delivered", at=NOW + HOUR)
    (one,) = await evidence(spoken)
    assert (one.key, one.case_id, one.reopen, one.name, one.template) == (
        key,
        "stripe/default/in_1",
        0,
        "reminder",
        "reminder",
    )
    assert (one.variant, one.at, one.channel, one.status) == ("late", NOW, "email", "accepted")
    (said,) = one.said
    assert (said.channel, said.subject, said.text, said.locale, said.edition) == (
        "email",
        "Your payment",
        "Dear Ada",
        "de",
        "reminder@1",
    )
    assert said.body_sha256 == hashlib.sha256(b"Your payment\n\nDear Ada").hexdigest()
    assert (said.address_hash, said.written_at, said.erased_at) == (HASH_OF_ADDRESS, NOW, None)
    assert [(step.status, step.reference) for step in one.steps] == [("sending", None), ("accepted", f"ref_{key}")]
    assert [(receipt.what, receipt.happened_at) for receipt in one.receipts] == [
        ("delivered", NOW + HOUR),
        ("opened", NOW + 2 * HOUR),
    ]


async def test_words_of_two_channels_are_both_told(spoken: Spoken) -> None:
    key = await spoken.reserve(await spoken.open())
    await spoken.say(key, "email", at=NOW)
    await spoken.store.messages.not_sent(key, "email", "no such address", NOW)
    await spoken.say(key, "sms", at=NOW + HOUR)
    (one,) = await evidence(spoken)
    assert [said.channel for said in one.said] == ["email", "sms"]
    assert (one.channel, one.status) == ("sms", "accepted")


async def test_who_was_held_out_was_told_nothing(spoken: Spoken) -> None:
    key = await spoken.reserve(await spoken.open(), variant="holdout")
    (one,) = await evidence(spoken)
    assert (one.status, one.said, one.steps) == (None, (), ())
    await spoken.store.messages.ended(key, None, MessageStatus.HELD_OUT, "held out", NOW)
    (one,) = await evidence(spoken)
    assert (one.status, one.channel, one.said) == ("held_out", None, ())


async def test_all_runs_of_a_case_in_order_and_no_other_cases(spoken: Spoken) -> None:
    again, first, other = await spoken.open(reopen=1), await spoken.open(), await spoken.open("in_2", BOB)
    await spoken.reserve(again, at=NOW + HOUR)
    await spoken.reserve(first)
    await spoken.reserve(other, customer=BOB)
    assert [(message.reopen, message.at) for message in await evidence(spoken)] == [(0, NOW), (1, NOW + HOUR)]


async def test_a_message_of_another_case_that_speaks_of_this_one_is_told_as_well(spoken: Spoken) -> None:
    mine, other = await spoken.open("in_1"), await spoken.open("in_2")
    await spoken.reserve(other, covers=[mine.case_id])
    (one,) = await evidence(spoken)
    assert (one.case_id, one.covers) == (other.case_id, (mine.case_id,))


async def test_what_stays_when_the_words_were_erased(spoken: Spoken) -> None:
    key = await spoken.reserve(await spoken.open())
    await spoken.say(key)
    await spoken.hear(key, "delivered")
    (before,) = await evidence(spoken)
    await Erasure(spoken.store.pool).erase_person("stripe", "default", "cus_ada", NOW + HOUR)
    (after,) = await evidence(spoken)
    gone = {"subject": None, "text": None, "erased_at": NOW + HOUR}
    assert after == before.model_copy(update={"said": (before.said[0].model_copy(update=gone),)})

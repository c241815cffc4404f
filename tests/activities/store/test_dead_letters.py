"""Dead letters: heaviest first, let through or left aside by a person whose name and reason are kept."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.store.dead_letters import Act, By, LeftAlone, Place, Wanted
from activities.store.inbox import Burial, Verdict
from activities.store.store import Store
from policies.intake.checks import Finding
from policies.intake.impact import impact
from policies.intake.profile import Action
from policies.money import Money

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = By(actor="alice", reason="the mapping was mended")
BOB = By(actor="bob", reason="me too")


@dataclass
class Letters:
    """A hand that buries rows, and asks for them."""

    store: Store
    names: dict[str, str] = field(default_factory=dict)

    async def bury(
        self,
        name: str,
        stake: float = 100,
        came: datetime = NOW - DAY,
        source: str = "stripe",
        account: str = "default",
        headers: dict[str, str] | None = None,
        body: bytes = b"{}",
        rules: tuple[str, ...] = (),
        shadows: tuple[str, ...] = (),
        **burial: Any,
    ) -> str:
        spoke = [*((rule, False) for rule in rules), *((rule, True) for rule in shadows)]
        received = await self.store.inbox.receive(
            source,
            account,
            name,
            headers or {},
            body,
            came,
            verdict=Verdict(
                findings=tuple(
                    Finding(rule=rule, action=Action.QUARANTINE, shadow=shadow, field="amount", detail="odd")
                    for rule, shadow in spoke
                ),
                invoice_id=burial.get("invoice_id"),
            ),
        )
        why = {"reason": "unreadable", "detail": "data.object.id is missing", "stake": stake, **burial}
        await self.store.inbox.bury(received.id, Burial(**why), came)
        self.names[received.id] = name
        return received.id

    async def listed(self, **wanted: Any) -> list[str]:
        page = await self.store.dead_letters.page(Wanted(**wanted), NOW, 100)
        return [letter.event_key for letter in page.letters]

    async def fitting(self, act: Act, limit: int = 100, **wanted: Any) -> list[str]:
        ids = await self.store.dead_letters.fitting(act, Wanted(**wanted), NOW, limit)
        return [self.names[each] for each in ids]

    async def row(self, letter_id: str) -> dict[str, Any]:
        row = await self.store.inbox.row(letter_id)
        assert row is not None
        return row

    async def state(self, letter_id: str) -> str:
        return str((await self.row(letter_id))["state"])

    async def actions(self, letter_id: str) -> list[tuple[str, str, str, str | None]]:
        letter = await self.store.dead_letters.show(letter_id, NOW)
        assert letter is not None
        return [(done.action.value, done.actor, done.reason, done.was) for done in letter.actions]

    async def left_alone(self, act: Act, letter_id: str, by: By = BOB) -> LeftAlone:
        outcome = await self.store.dead_letters.act(act, [letter_id], by, NOW)
        assert outcome.done == ()
        (left,) = outcome.left_alone
        return left


@pytest.fixture
def letters(store: Store) -> Letters:
    return Letters(store)


# --- the list ---------------------------------------------------------------------------------------------------------


async def test_the_heaviest_comes_first_and_who_waits_grows_heavier(letters: Letters) -> None:
    await letters.bury("dear", stake=300, came=NOW)
    await letters.bury("old", stake=100, came=NOW - 21 * DAY)
    await letters.bury("cheap", stake=100, came=NOW - DAY)
    await letters.bury("unweighed", stake=0, came=NOW - 90 * DAY)
    assert await letters.listed() == ["old", "dear", "cheap", "unweighed"]


async def test_a_letter_says_what_it_is_about_what_it_weighs_and_how_often_it_came(letters: Letters) -> None:
    came = NOW - 7 * DAY
    letter_id = await letters.bury(
        "evt_1",
        stake=5800,
        came=came,
        field="data.object.id",
        kind="payment_failed",
        invoice_id="in_1",
        customer_id="cus_1",
        amount=Money(amount_minor=2900, currency="EUR"),
    )
    await letters.store.inbox.receive("stripe", "default", "evt_1", {}, b"{}", NOW - DAY)
    (letter,) = (await letters.store.dead_letters.page(Wanted(), NOW)).letters
    assert letter.model_dump() == {
        "id": letter_id,
        "source": "stripe",
        "account": "default",
        "event_key": "evt_1",
        "state": "dead",
        "reason": "unreadable",
        "field": "data.object.id",
        "detail": "data.object.id is missing",
        "kind": "payment_failed",
        "invoice_id": "in_1",
        "customer_id": "cus_1",
        "amount": {"amount_minor": 2900, "currency": "EUR"},
        "stake": 5800,
        "impact": 11600,
        "first_seen": came,
        "last_seen": NOW - DAY,
        "times_received": 2,
        "tries": 0,
        "discarded_at": None,
        "actions": (),
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stake=st.floats(0, 1e12),
    waited=st.timedeltas(timedelta(days=-400), timedelta(days=4000)),
)
async def test_the_database_weighs_as_the_policy_does(store: Store, stake: float, waited: timedelta) -> None:
    weighed = await store.pool.fetchval("select dead_letter_impact($1, $2, $3)", stake, NOW - waited, NOW)
    assert weighed == pytest.approx(impact(stake, NOW - waited, NOW), rel=1e-12)


async def test_a_letter_that_nobody_weighed_is_listed_last(letters: Letters) -> None:
    letter_id = await letters.bury("of another time")
    await letters.store.pool.execute("update inbox_keys set stake = null, reason = null")
    (letter,) = (await letters.store.dead_letters.page(Wanted(), NOW)).letters
    assert (letter.id, letter.stake, letter.impact, letter.reason) == (letter_id, 0, 0, None)
    assert await letters.store.dead_letters.counts() == {"unknown": 1}
    assert (await letters.store.dead_letters.act(Act.RETRY, [letter_id], ALICE, NOW)).done == (letter_id,)


@pytest.fixture
async def street(letters: Letters) -> Letters:
    await letters.bury("a", stake=900, source="adyen", account="eu", kind="payment_failed", customer_id="cus_a")
    await letters.bury("b", stake=800, came=NOW - 10 * DAY, reason="gave_up", detail="Misconfigured: no KEY")
    await letters.bury("c", stake=700, reason="quarantined", detail="rule too_much: odd", rules=("too_much",))
    await letters.bury("d", stake=600, state="refused", reason="refused", detail="rule old: odd", rules=("old", "odd"))
    await letters.bury("e", stake=500, invoice_id="in_e", field="amount", detail="no number", shadows=("too_much",))
    await letters.store.inbox.receive("stripe", "default", "waits", {}, b"{}", NOW)
    ignored = await letters.store.inbox.receive("stripe", "default", "ignored", {}, b"{}", NOW)
    await letters.store.inbox.finish(ignored.id, "ignored", NOW, "late")
    return letters


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "bacde"),
        ({"source": "adyen"}, "a"),
        ({"account": "default"}, "bcde"),
        ({"reason": "unreadable"}, "ae"),
        ({"reason": "refused"}, "d"),
        ({"rule": "too_much"}, "c"),
        ({"rule": "odd"}, "d"),
        ({"text": "misconfigured"}, "b"),
        ({"text": "AMOUNT no"}, "e"),
        ({"text": "%"}, ""),
        ({"kind": "payment_failed"}, "a"),
        ({"invoice_id": "in_e"}, "e"),
        ({"customer_id": "cus_a"}, "a"),
        ({"older_than": "2d"}, "b"),
        ({"newer_than": "2d"}, "acde"),
        ({"newer_than": "20d", "older_than": "9d"}, "b"),
        ({"source": "stripe", "reason": "unreadable"}, "e"),
        ({"source": "paypal"}, ""),
    ],
)
async def test_a_filter_finds_what_it_says(street: Letters, wanted: dict[str, str], found: str) -> None:
    assert await street.listed(**wanted) == list(found)


@pytest.mark.parametrize(
    "wanted", [{"colour": "red"}, {"source": ""}, {"text": "a\x00b"}, {"older_than": "long"}, {"older_than": 3}]
)
def test_a_filter_that_cannot_be_meant_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Wanted.model_validate(wanted)


async def test_counts_are_by_reason_most_first(street: Letters) -> None:
    assert await street.store.dead_letters.counts() == {"unreadable": 2, "gave_up": 1, "quarantined": 1, "refused": 1}
    assert await street.store.dead_letters.counts("adyen") == {"unreadable": 1}
    assert await street.store.dead_letters.counts("stripe", "eu") == {}


async def test_pages_hold_every_letter_once_though_they_grow_heavier_meanwhile(letters: Letters) -> None:
    for number in range(7):
        await letters.bury(f"evt_{number}", stake=100 * (1 + number // 3), came=NOW - (number % 3) * DAY)
    seen: list[str] = []
    after, asked_at = None, NOW
    while True:
        page = await letters.store.dead_letters.page(Wanted(), asked_at, 2, after)
        seen += [letter.event_key for letter in page.letters]
        if page.next is None:
            break
        after, asked_at = Place.read(page.next.text), asked_at + 30 * DAY
    assert len(seen) == 7
    assert seen == await letters.listed()


@pytest.mark.parametrize("text", ["", "x", "eyJub3ciOiAxfQ", "ä", "=", 7])
def test_a_place_that_nobody_gave_is_none(text: Any) -> None:
    with pytest.raises(ValueError, match="is no place in a list"):
        Place.read(text)


# --- one letter -------------------------------------------------------------------------------------------------------


@pytest.mark.plants_card_numbers
async def test_a_letter_shows_its_body_without_what_is_private_unless_it_is_asked_for_raw(letters: Letters) -> None:
    body = b'{"email": "ada@customers.example", "number": "4242 4242 4242 4242"}'
    headers = {"content-type": "application/json", "authorization": "Basic c2VjcmV0"}
    letter_id = await letters.bury("evt_1", body=body, headers=headers)
    letter = await letters.store.dead_letters.show(letter_id, NOW)
    assert letter is not None
    assert letter.body == '{"email": "***@***", "number": "**** **** **** 4242"}'
    assert letter.body_encoding == "text"
    assert letter.headers == {"content-type": "application/json"}
    raw = await letters.store.dead_letters.show(letter_id, NOW, raw=True)
    assert raw is not None
    assert raw.body == body.decode()
    assert raw.headers == letter.headers


async def test_what_is_no_text_is_shown_in_base64(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1", body=b"\xff\x00 ada@x.example")
    letter = await letters.store.dead_letters.show(letter_id, NOW)
    raw = await letters.store.dead_letters.show(letter_id, NOW, raw=True)
    assert letter is not None
    assert raw is not None
    assert (letter.body, letter.body_encoding) == ("/wAgKioqQCoqKg==", "base64")
    assert (raw.body, raw.body_encoding) == ("/wAgYWRhQHguZXhhbXBsZQ==", "base64")


async def test_what_never_was_a_dead_letter_is_not_shown(letters: Letters) -> None:
    waits = await letters.store.inbox.receive("stripe", "default", "evt_1", {}, b"{}", NOW)
    assert await letters.store.dead_letters.show(waits.id, NOW) is None
    assert await letters.store.dead_letters.show(str(uuid.uuid4()), NOW) is None


# --- what people do ---------------------------------------------------------------------------------------------------


async def test_what_is_retried_waits_as_if_it_had_just_come_and_the_record_says_who_and_why(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1", field="data", invoice_id="in_1")
    await letters.store.pool.execute("update inbox_keys set tries = 51")
    outcome = await letters.store.dead_letters.act(Act.RETRY, [letter_id], ALICE, NOW)
    assert (outcome.done, outcome.left_alone) == ((letter_id,), ())
    row = await letters.row(letter_id)
    assert (row["state"], row["tries"], row["next_try_at"], row["released"]) == ("waiting", 0, NOW, False)
    assert (row["reason"], row["field"], row["detail"], row["finished_at"]) == (None, None, None, None)
    assert await letters.actions(letter_id) == [("retry", "alice", "the mapping was mended", "unreadable")]
    assert [leased.id for leased in await letters.store.inbox.lease(NOW, 10)] == [letter_id]
    assert await letters.listed() == []


async def test_what_is_released_waits_and_the_rules_that_spoke_of_it_were_wrong(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1", reason="quarantined", rules=("too_much", "old"), shadows=("new",))
    other = await letters.bury("evt_2", reason="quarantined", rules=("too_much",))
    outcome = await letters.store.dead_letters.act(Act.RELEASE, [letter_id], ALICE, NOW)
    assert outcome.done == (letter_id,)
    row = await letters.row(letter_id)
    assert (row["state"], row["released"], row["next_try_at"]) == ("waiting", True, NOW)
    proven = await letters.store.pool.fetch(
        "select row_id::text, proven_good_at, proven_good_by from intake_findings order by id"
    )
    assert [tuple(each) for each in proven] == [
        *[(letter_id, NOW, "released by alice")] * 3,
        (other, None, None),
    ]


async def test_what_its_sender_was_told_no_about_can_be_released_as_well(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1", state="refused", reason="refused", rules=("old",))
    assert (await letters.store.dead_letters.act(Act.RELEASE, [letter_id], ALICE, NOW)).done == (letter_id,)


@pytest.mark.parametrize(("state", "reason"), [("dead", "quarantined"), ("refused", "refused")])
async def test_what_a_rule_holds_back_is_not_let_through_by_trying_again(
    letters: Letters, state: str, reason: str
) -> None:
    letter_id = await letters.bury("evt_1", state=state, reason=reason)
    left = await letters.left_alone(Act.RETRY, letter_id)
    assert left.why == "use_release"
    assert "release it when it is good" in left.detail
    assert await letters.state(letter_id) == state
    assert await letters.actions(letter_id) == []


@pytest.mark.parametrize("reason", ["unreadable", "gave_up", "bad_signature", "unknown_source"])
async def test_what_no_rule_holds_back_cannot_be_released_but_retried(letters: Letters, reason: str) -> None:
    letter_id = await letters.bury("evt_1", reason=reason)
    left = await letters.left_alone(Act.RELEASE, letter_id)
    assert left.why == "use_retry"
    assert "then retry it" in left.detail
    assert await letters.state(letter_id) == "dead"


async def test_what_is_discarded_stays_what_it_is_and_leaves_the_list(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1")
    assert (await letters.store.dead_letters.act(Act.DISCARD, [letter_id], ALICE, NOW)).done == (letter_id,)
    row = await letters.row(letter_id)
    assert (row["state"], row["reason"], row["discarded_at"]) == ("dead", "unreadable", NOW)
    assert await letters.listed() == []
    assert await letters.store.dead_letters.counts() == {}
    shown = await letters.store.dead_letters.show(letter_id, NOW)
    assert shown is not None
    assert shown.discarded_at == NOW


async def test_what_was_discarded_by_mistake_can_still_be_tried_again(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1")
    await letters.store.dead_letters.act(Act.DISCARD, [letter_id], ALICE, NOW)
    assert (await letters.store.dead_letters.act(Act.RETRY, [letter_id], BOB, NOW)).done == (letter_id,)
    row = await letters.row(letter_id)
    assert (row["state"], row["discarded_at"]) == ("waiting", None)
    assert [action for action, *_ in await letters.actions(letter_id)] == ["discard", "retry"]


@pytest.mark.parametrize("first", list(Act))
async def test_doing_it_twice_changes_nothing_and_says_so(letters: Letters, first: Act) -> None:
    reason = "quarantined" if first is Act.RELEASE else "unreadable"
    letter_id = await letters.bury("evt_1", reason=reason, rules=("old",))
    await letters.store.dead_letters.act(first, [letter_id], ALICE, NOW)
    before = await letters.row(letter_id)
    left = await letters.left_alone(first, letter_id)
    assert (left.id, left.why) == (letter_id, "already")
    assert "nothing was changed" in left.detail
    assert await letters.row(letter_id) == before
    assert [actor for _, actor, _, _ in await letters.actions(letter_id)] == ["alice"]


@pytest.mark.parametrize(("state", "says"), [("delivered", "it was delivered"), ("ignored", "it was ignored")])
async def test_what_went_its_way_meanwhile_says_so(letters: Letters, state: Any, says: str) -> None:
    letter_id = await letters.bury("evt_1")
    await letters.store.dead_letters.act(Act.RETRY, [letter_id], ALICE, NOW)
    await letters.store.inbox.finish(letter_id, state, NOW)
    for act in Act:
        left = await letters.left_alone(act, letter_id)
        assert left.why == "already"
        assert left.detail.startswith(says)


async def test_what_never_was_a_dead_letter_is_unknown(letters: Letters) -> None:
    waits = await letters.store.inbox.receive("stripe", "default", "evt_1", {}, b"{}", NOW)
    for letter_id in (waits.id, str(uuid.uuid4())):
        for act in Act:
            assert (await letters.left_alone(act, letter_id)).why == "unknown"
    assert await letters.state(waits.id) == "waiting"


async def test_what_has_lost_its_bytes_stays_discarded(letters: Letters) -> None:
    letter_id = await letters.bury("evt_1")
    await letters.store.dead_letters.act(Act.DISCARD, [letter_id], ALICE, NOW)
    await letters.store.pool.execute("delete from inbox_bodies")
    assert (await letters.left_alone(Act.RETRY, letter_id)).why == "bytes_gone"
    shown = await letters.store.dead_letters.show(letter_id, NOW)
    assert shown is not None
    assert (shown.headers, shown.body, shown.body_encoding) == (None, None, None)


async def test_two_people_who_act_at_once_do_it_once(letters: Letters) -> None:
    ids = [await letters.bury(f"evt_{number}") for number in range(20)]
    outcomes = await asyncio.gather(
        *(
            letters.store.dead_letters.act(Act.RETRY, order, by, NOW)
            for order, by in ((ids, ALICE), (ids[::-1], BOB), (ids, BOB), (ids[::-1], ALICE))
        )
    )
    assert sorted(each for outcome in outcomes for each in outcome.done) == sorted(ids)
    assert {left.why for outcome in outcomes for left in outcome.left_alone} <= {"already"}
    assert await letters.store.pool.fetchval("select count(*) from dead_letter_actions") == 20


async def test_many_at_once_are_one_commit_and_each_says_what_became_of_it(letters: Letters) -> None:
    unreadable, held = await letters.bury("evt_1"), await letters.bury("evt_2", reason="quarantined")
    outcome = await letters.store.dead_letters.act(Act.RETRY, [unreadable, held, unreadable], ALICE, NOW)
    assert outcome.done == (unreadable,)
    assert [(left.id, left.why) for left in outcome.left_alone] == [(held, "use_release")]


async def test_when_the_record_cannot_be_written_nothing_is_done(own_store: Store) -> None:
    letters = Letters(own_store)
    letter_id = await letters.bury("evt_1")
    await own_store.pool.execute("alter table dead_letter_actions add constraint never check (actor <> 'alice')")
    for act in (Act.RETRY, Act.DISCARD):
        with pytest.raises(Exception, match="never"):
            await own_store.dead_letters.act(act, [letter_id], ALICE, NOW)
    row = await letters.row(letter_id)
    assert (row["state"], row["discarded_at"]) == ("dead", None)


@pytest.mark.parametrize(
    ("act", "found"), [(Act.RETRY, "bae"), (Act.RELEASE, "cd"), (Act.DISCARD, "bacde")], ids=lambda value: str(value)
)
async def test_a_filter_finds_those_that_the_act_can_be_done_to(street: Letters, act: Act, found: str) -> None:
    assert await street.fitting(act) == list(found)
    assert await street.fitting(act, limit=1) == [found[0]]
    assert await street.fitting(act, source="adyen") == [each for each in found if each == "a"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": ""},
        {"actor": "a\x00"},
        {"reason": " "},
        {"reason": "two\nlines"},
        {"reason": "it paid with 4242 4242 4242 4242"},
    ],
)
def test_whoever_acts_has_a_name_and_a_reason(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        By.model_validate({"actor": "alice", "reason": "mended", **wrong})

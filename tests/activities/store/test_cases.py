"""Which cases run, as those who move them to another policy ask."""

from datetime import UTC, datetime

import pytest

from activities.contracts import CloseRequest, Opened
from activities.store import cases as stored_cases
from activities.store.cases import Counted, Selection
from activities.store.store import Store
from policies.document import PolicyDocument, PolicySnapshot
from policies.events import CloseOutcome
from policies.keys import CaseRef
from tests.policies.timeline import PREMIUM, SELF_SERVE, case

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NEW = SELF_SERVE.model_copy(update={"version": 2})
SHA_OF_NEW = PolicySnapshot.of(NEW).sha256


def ref(invoice_id: str) -> CaseRef:
    return CaseRef(source="stripe", account="default", invoice_id=invoice_id)


async def opened(store: Store, invoice_id: str, policy: PolicyDocument, segment: str = "self_serve") -> None:
    facts = case().model_copy(update={"case": ref(invoice_id)})
    await store.cases.opened(Opened(facts=facts, policy=PolicySnapshot.of(policy), segment=segment))


async def closed(store: Store, invoice_id: str) -> None:
    request = CloseRequest(
        case=ref(invoice_id),
        outcome=CloseOutcome.RECOVERED,
        because="paid",
        happened_at=NOW,
        attempts=1,
        messages=1,
        unsettled=None,
        timeline=(),
        now=NOW,
    )
    await store.cases.closed(request)


@pytest.fixture
async def street(store: Store) -> Store:
    """Four that run, one of them under the new policy already, and one that is closed."""
    await opened(store, "in_2", SELF_SERVE)
    await opened(store, "in_1", SELF_SERVE, segment="trial")
    await opened(store, "in_3", PREMIUM, segment="premium")
    await opened(store, "in_4", NEW)
    await opened(store, "in_5", SELF_SERVE)
    await closed(store, "in_5")
    return store


async def found(store: Store, limit: int | None = None, **wanted: str) -> list[str]:
    selection = Selection(without_sha256=SHA_OF_NEW, **wanted)
    return [row.ref.invoice_id async for row in store.cases.running(selection, limit)]


async def test_all_that_run_and_have_not_the_policy_yet_in_the_order_of_their_ids(street: Store) -> None:
    assert await found(street) == ["in_1", "in_2", "in_3"]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"name": "self_serve"}, ["in_1", "in_2"]),
        ({"name": "self"}, []),
        ({"edition": "premium@1"}, ["in_3"]),
        ({"edition": "premium@2"}, []),
        ({"segment": "trial"}, ["in_1"]),
        ({"name": "premium", "segment": "trial"}, []),
    ],
)
async def test_a_selection_narrows_them_down(street: Store, wanted: dict[str, str], ids: list[str]) -> None:
    assert await found(street, **wanted) == ids
    assert (await street.cases.how_many_run(Selection(without_sha256=SHA_OF_NEW, **wanted))).without == len(ids)


async def test_those_that_have_it_already_are_counted_apart(street: Store) -> None:
    counted = await street.cases.how_many_run(Selection(without_sha256=SHA_OF_NEW, name="self_serve"))
    assert counted == Counted(without=2, with_it=1)


async def test_pages_leave_nobody_out_and_a_limit_is_kept(street: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in (1, 2, 3, 4):
        monkeypatch.setattr(stored_cases, "PAGE", page)
        assert await found(street) == ["in_1", "in_2", "in_3"]
        assert await found(street, limit=2) == ["in_1", "in_2"]


async def test_a_row_keeps_reopen_number_and_learns_the_new_policy_once_or_twice(street: Store) -> None:
    again = ref("in_2").model_copy(update={"reopen": 1})
    await closed(street, "in_2")
    facts = case().model_copy(update={"case": again})
    await street.cases.opened(Opened(facts=facts, policy=PolicySnapshot.of(SELF_SERVE), segment="self_serve"))
    rows = {row.case_id: row async for row in street.cases.running(Selection(without_sha256=SHA_OF_NEW))}
    assert rows[again.case_id].ref == again
    for _ in range(2):
        await street.cases.migrated(again, PolicySnapshot.of(NEW))
        assert await found(street) == ["in_1", "in_3"]
    latest = await street.cases.latest(again.case_id)
    assert latest is not None
    assert latest.policy == "policy self_serve@2"
    first = await street.pool.fetchval("select policy from cases where invoice_id = 'in_2' and reopen = 0")
    assert first == "policy self_serve@1"

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.keys import (
    CaseRef,
    CustomerRef,
    access_key,
    attempt_key,
    ending_key,
    message_key,
    migration_key,
    task_key,
)

CASE = CaseRef(source="stripe", account="acct_1", invoice_id="in_1")
KEYS: list[Callable[[CaseRef, int], str]] = [
    attempt_key,
    lambda case, ordinal: message_key(case, ordinal, "reminder"),
    lambda case, ordinal: message_key(case, ordinal, "warning"),
    lambda case, ordinal: access_key(case, ordinal, "limited"),
    lambda case, ordinal: access_key(case, ordinal, "suspended"),
    task_key,
    lambda case, ordinal: migration_key(case, ordinal, "a" * 64),
    lambda case, ordinal: migration_key(case, ordinal, "b" * 64),
]
cases = st.builds(
    CaseRef,
    source=st.from_regex(r"[a-z]{1,10}", fullmatch=True),
    account=st.from_regex(r"[A-Za-z0-9_.:\-]{1,20}", fullmatch=True),
    invoice_id=st.from_regex(r"[A-Za-z0-9_.:\-]{1,20}", fullmatch=True),
    reopen=st.integers(0, 5),
)


def test_a_key_never_changes_between_releases() -> None:
    """The ledger and the gateways hold keys of running cases: a new value here would charge somebody twice."""
    assert attempt_key(CASE, 1) == "att_d739815d79557e054c38ce76afa0b0cf9bb9790c"


def test_a_claim_ends_once_at_its_owner_and_again_when_it_was_opened_again() -> None:
    assert ending_key(CASE) == ending_key(CASE)
    assert ending_key(CASE) != ending_key(CASE.model_copy(update={"reopen": 1}))
    assert ending_key(CASE) != task_key(CASE, 0)


@given(st.lists(st.tuples(cases, st.integers(1, 50)), unique=True, max_size=20))
def test_keys_differ_by_case_reopening_ordinal_and_purpose(subjects: list[tuple[CaseRef, int]]) -> None:
    keys = {make(case, ordinal) for case, ordinal in subjects for make in KEYS}
    assert len(keys) == len(subjects) * len(KEYS)


def test_ids_that_join_to_one_text_do_not_share_a_key() -> None:
    one = CaseRef(source="a", account="b", invoice_id="c1", reopen=1)
    other = CaseRef(source="a", account="b", invoice_id="c", reopen=11)
    assert attempt_key(one, 1) != attempt_key(other, 1)


@given(cases)
def test_a_case_id_leads_back_to_its_case(case: CaseRef) -> None:
    assert CaseRef.from_case_id(case.case_id) == case.model_copy(update={"reopen": 0})
    assert case.workflow_id == f"dunning/{case.case_id}"


@pytest.mark.parametrize("text", ["", "stripe/acct_1", "stripe/acct_1/in_1/more", "stripe//in_1", "a/b/c d"])
def test_what_is_no_case_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no case id|String should match"):
        CaseRef.from_case_id(text)


@pytest.mark.parametrize("bad", ["in/1", "in 1", "in\n1", "", "x" * 201])
def test_an_id_that_would_break_an_address_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError):
        CaseRef(source="stripe", account="acct_1", invoice_id=bad)


def test_a_case_names_its_customer_in_its_own_place() -> None:
    case = CaseRef(source="stripe", account="acct_1", invoice_id="in_1")
    assert case.customer("cus_1") == CustomerRef(source="stripe", account="acct_1", customer_id="cus_1")

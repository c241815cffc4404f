"""What every access adapter promises: a level set twice is set once, and only what is owned can be taken."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from activities.access.contract import AccessControl, AccessSet, SetAccess
from activities.errors import Misconfigured, NotFound, Unavailable
from policies.facts import AccessLevel
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


class AccessStand(Protocol):
    control: AccessControl

    async def customer_with(self, *benefits: str) -> str: ...

    async def level_of(self, customer_id: str) -> AccessLevel: ...

    def troubled_control(self, trouble: Trouble) -> AbstractAsyncContextManager[AccessControl]: ...


def change(customer_id: str, level: AccessLevel, *takes: str, key: str = "acc_1") -> SetAccess:
    return SetAccess(key=key, customer_id=customer_id, level=level, takes=takes, now=START)


class AccessContract:
    async def test_limited_takes_what_is_owned_in_the_order_asked(self, access: AccessStand) -> None:
        customer_id = await access.customer_with("add_ons", "bonus_credits", "priority_support")
        done = await access.control.set_access(
            change(customer_id, AccessLevel.LIMITED, "bonus_credits", "usage_credits", "add_ons")
        )
        assert done == AccessSet(benefits_taken=("bonus_credits", "add_ons"))
        assert await access.level_of(customer_id) is AccessLevel.LIMITED

    async def test_the_same_change_twice_is_one_change_with_one_answer(self, access: AccessStand) -> None:
        limit = change(await access.customer_with("add_ons"), AccessLevel.LIMITED, "add_ons")
        first = await access.control.set_access(limit)
        assert await access.control.set_access(limit) == first

    @pytest.mark.parametrize("level", [AccessLevel.SUSPENDED, AccessLevel.FULL, AccessLevel.CLOSED])
    async def test_other_levels_take_nothing_by_name(self, access: AccessStand, level: AccessLevel) -> None:
        customer_id = await access.customer_with("add_ons")
        assert await access.control.set_access(change(customer_id, level)) == AccessSet(benefits_taken=())
        assert await access.level_of(customer_id) is level

    async def test_a_repeated_old_change_does_not_undo_a_newer_one(self, access: AccessStand) -> None:
        customer_id = await access.customer_with("add_ons")
        suspend = change(customer_id, AccessLevel.SUSPENDED, key="acc_1")
        await access.control.set_access(suspend)
        await access.control.set_access(change(customer_id, AccessLevel.FULL, key="acc_2"))
        await access.control.set_access(suspend)
        assert await access.level_of(customer_id) is AccessLevel.FULL

    async def test_a_customer_nobody_has_is_not_found(self, access: AccessStand) -> None:
        with pytest.raises(NotFound):
            await access.control.set_access(change("cus_nobody", AccessLevel.LIMITED))

    @pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.STRANGER])
    async def test_no_clear_answer_is_unavailable(self, access: AccessStand, trouble: Trouble) -> None:
        async with access.troubled_control(trouble) as control:
            with pytest.raises(Unavailable):
                await control.set_access(change("cus_any", AccessLevel.LIMITED))

    async def test_a_stranger_s_404_is_our_fault(self, access: AccessStand) -> None:
        async with access.troubled_control(Trouble.STRANGER) as control:
            with pytest.raises(Misconfigured):
                await control.set_access(change("cus_any", AccessLevel.LIMITED))

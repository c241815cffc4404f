"""Who holds a link that has ended may have a new one sent: to an address on file, and is told nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from activities.links import PayLink
from policies.keys import CustomerRef
from tests.api.page.conftest import LINK, Visit
from tests.fixtures.town import PATIENCE_SECONDS, Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")


async def ended_link(town: Town, case: Case, *, days_ago: int = 31) -> PayLink:
    made_at = datetime.now(UTC) - timedelta(days=days_ago)
    customer = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    link = PayLink.of_letter(customer, f"old.{case.customer_id}.email", made_at)
    await town.store.pay_links.made(link, "email", made_at)
    return link


async def new_links(town: Town, link: PayLink, count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await town.sandbox("GET", f"/outbox.json?case=page/{link.link_id}")
            found = [LINK.findall(letter["text"])[0] for letter in answer["messages"]]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_a_link_that_is_too_old_is_replaced_by_mail(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await ended_link(town, case)
    links = town.settings.links()
    assert links
    await visit.page.goto(links.pay(link))
    assert await visit.headline() == "This link does not work any more"
    assert case.ref.invoice_id not in await visit.page.content()
    await visit.shot("too-old")
    await visit.page.get_by_role("button", name="Send me a new link").click()
    await visit.page.get_by_role("status").wait_for()
    await visit.shot("renewed")
    (fresh,) = await new_links(town, link, 1)
    await visit.page.goto(fresh)
    assert await visit.headline() == "Your payment did not go through"


async def test_a_link_of_an_erased_person_is_not_replaced(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await ended_link(town, case)
    await town.store.pay_links.revoke_all(link.customer, "erased", datetime.now(UTC))
    links = town.settings.links()
    assert links
    await visit.page.goto(links.pay(link))
    assert await visit.page.get_by_role("button").count() == 0


async def test_without_the_form_s_own_token_nothing_is_sent(town: Town) -> None:
    case = await town.fails("expired_card")
    link = await ended_link(town, case)
    links = town.settings.links()
    assert links
    for body in (b"", b"csrf=forged", b"\xff"):
        async with town.session.post(f"{links.pay(link)}/renew", data=body) as response:
            assert response.status == 410
            assert "on its way" not in await response.text()
    answer = await town.sandbox("GET", f"/outbox.json?case=page/{link.link_id}")
    assert answer["messages"] == []


async def test_a_link_that_still_opens_is_not_replaced(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await ended_link(town, case, days_ago=1)
    links = town.settings.links()
    assert links
    async with town.session.post(f"{links.pay(link)}/renew", data=b"", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, f"/pay/{links.pay_token(link)}")

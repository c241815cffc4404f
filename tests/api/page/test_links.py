"""Links that open the page no more, and those that never did: what the visitor reads, and that nothing is shown."""

from datetime import UTC, datetime, timedelta

from activities.links import Links, PayLink
from policies.keys import CustomerRef
from tests.api.page.conftest import Visit, link_of
from tests.fixtures.town import Case, Town

DEAD = "This link does not work any more"


async def test_a_link_that_is_too_old(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.page.goto(await _link_made(town, case, datetime.now(UTC) - timedelta(days=31)))
    assert await visit.headline() == DEAD
    await visit.reads("It may be too old or incomplete.")
    await visit.shot("link-expired")
    assert case.ref.invoice_id not in await visit.page.content()


async def test_a_forged_link(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    genuine = await link_of(case)
    response = await visit.page.goto(genuine[:-4] + ("AAAA" if not genuine.endswith("AAAA") else "BBBB"))
    assert response is not None
    assert response.status == 404
    assert await visit.headline() == DEAD
    assert case.ref.invoice_id not in await visit.page.content()


async def test_a_link_that_nobody_has_sent_opens_nothing_though_its_signature_is_right(
    town: Town, visit: Visit
) -> None:
    case = await town.fails("expired_card")
    await visit.page.goto(await _link_made(town, case, datetime.now(UTC), written_down=False))
    assert await visit.headline() == DEAD


async def test_a_link_of_an_earlier_message_says_that_there_is_a_newer_one(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    old = await link_of(case)
    await case.to_day(5)
    new = await link_of(case)
    assert new != old
    await visit.page.goto(old)
    assert await visit.headline() == DEAD
    await visit.reads("We have sent you a newer message since.")
    await visit.shot("link-newer")
    await visit.page.goto(new)
    assert await visit.headline() == "Your payment did not go through"


async def test_a_link_that_has_paid_thanks_and_offers_nothing(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    await visit.page.goto(link)
    await visit.pays_by_card()
    await visit.until_headline("Thank you")
    assert await case.until_closed() == "recovered"
    await visit.page.goto(link)
    assert await visit.headline() == "All is paid, thank you"
    await visit.shot("link-paid")
    assert await visit.page.locator("form").count() == 0
    assert case.ref.invoice_id not in await visit.page.content()


async def test_another_customer_s_checkout_cannot_be_seen_or_finished(town: Town, visit: Visit) -> None:
    theirs, mine = await town.fails("expired_card"), await town.fails("insufficient_funds")
    await visit.opens(theirs)
    await visit.chooses("Card")
    await visit.fields.get_by_label("Card number").wait_for()
    checkout = visit.page.url.rpartition("/checkout/")[2]
    base = await link_of(mine)
    await visit.page.goto(base)
    csrf = await visit.page.locator("main").get_attribute("data-csrf")
    response = await visit.page.goto(f"{base}/checkout/{checkout}")
    assert response is not None
    assert response.status == 404
    assert await visit.headline() == DEAD
    await visit.page.goto(base)
    status = await visit.page.evaluate(
        """async ([address, csrf]) => (await fetch(address, {method: "POST", redirect: "manual",
            body: new URLSearchParams({csrf, "result.session": "ses_x"})})).status""",
        [f"{base}/checkout/{checkout}", csrf],
    )
    assert status == 404
    assert await theirs.charges() == await mine.charges() == []


async def test_a_case_that_has_ended_unpaid_says_so(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    await case.acts("close", outcome="cancelled", reason="the customer left")
    assert await case.until_closed() == "cancelled"
    await visit.page.goto(link)
    assert await visit.headline() == "There is nothing to do here"
    await visit.shot("link-closed")


async def _link_made(town: Town, case: Case, at: datetime, written_down: bool = True) -> str:
    """As the system itself signs them."""
    customer = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    link = PayLink.of_letter(customer, f"test-{case.customer_id}", at)
    if written_down:
        # As of another channel, for the message that is just going out ends those of its own.
        await town.store.pay_links.made(link, "wall", at)
    keys = [key.get_secret_value() for key in town.settings.link_keys]
    return Links(town.settings.public_url, keys).pay(link)

"""A failed payment is put right on the page, on a phone and on a desktop."""

from tests.api.page.conftest import Visit, link_of
from tests.fixtures.town import Town


async def test_a_new_card_pays_and_the_customer_reads_so_at_once(town: Town, visit: Visit) -> None:
    case = await town.fails("expired_card")
    await visit.page.goto(await link_of(case))
    assert await visit.headline() == "Your payment did not go through"
    await visit.shot("owed")
    await visit.chooses("Card")
    await visit.types_card()
    await visit.shot("card")
    await visit.pays()
    await visit.until_headline("Thank you")
    await visit.shot("paid")
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]

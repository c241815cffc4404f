"""In a line that runs from right to left a Latin name or an address keeps to itself and moves no neighbour."""

import html

from tests.api.page.conftest import link_of
from tests.fixtures.town import Case, Town

NAME, EMAIL, MERCHANTS = "Sam Support", "sam.support@example.com", "support@example.com"
IN_ARABIC = {"Accept-Language": "ar-EG,en;q=0.5"}


async def opened(town: Town, link: str) -> str:
    async with town.session.get(link, headers=IN_ARABIC) as response:
        return html.unescape(await response.text())


async def speaking_arabic(town: Town, contact: bool) -> Case:
    case = await town.describe()
    record = {
        "segment": "self_serve",
        "zone": "UTC",
        "locale": "ar_EG",
        "email": {"address": f"{case.customer_id}@customers.example"},
        **({"support_contact": {"name": NAME, "email": EMAIL}} if contact else {}),
    }
    status, _ = await town.api("PUT", f"/customers/stripe/default/{case.customer_id}", record)
    assert status == 200
    await case.fail("expired_card", segment="self_serve")
    await case.until_decided()
    return case


async def test_name_and_address_of_a_contact_stand_in_the_order_of_the_sentence(town: Town) -> None:
    text = await opened(town, await link_of(await speaking_arabic(town, contact=True)))
    assert 'dir="rtl"' in text
    assert f"\u2068{NAME}\u2069: \u2068{EMAIL}\u2069" in text


async def test_the_merchants_address_does_too(town: Town) -> None:
    text = await opened(town, await link_of(await speaking_arabic(town, contact=False)))
    assert f"\u2068{MERCHANTS}\u2069" in text


async def test_a_page_for_a_broken_link_does_too(town: Town) -> None:
    text = await opened(town, f"{town.api_url}/pay/v1.nobody")
    assert 'dir="rtl"' in text
    assert f"\u2068{MERCHANTS}\u2069" in text

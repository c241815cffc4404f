"""Who the customer is: the merchant's word first, the source's for strangers."""

import uuid

from tests.fixtures.town import Case, Town


async def test_a_stranger_is_described_by_the_source(town: Town) -> None:
    unique = uuid.uuid4().hex[:12]
    case = Case(town, invoice_id=f"in_{unique}", customer_id=f"cus_{unique}")
    await case.fail("expired_card", segment="premium")
    await case.until_decided()
    assert (await case.status()).policy == "policy premium@1"
    await case.calendar({0: ["message first_notice by email"]}, until=1)
    assert [letter["to"] for letter in await case.letters()] == [f"cus_{unique}@customers.example"]


async def test_what_the_merchant_wrote_outranks_the_source(town: Town) -> None:
    case = await town.describe(segment="enterprise", email="billing@merchant-knows.example")
    await case.fail("expired_card", segment="premium")
    await case.until_decided()
    assert (await case.status()).policy == "policy enterprise@1"
    await case.to_day(1)
    assert (await case.letters())[0]["to"] == "billing@merchant-knows.example"

"""Seven failed invoices of one customer, on the real stack: one conversation, within the caps, each invoice named."""

from collections import Counter
from datetime import datetime

from policies.document import Caps
from tests.fixtures.town import Case, Town

INVOICES, DAYS = 7, 7


async def test_seven_failed_invoices_are_one_conversation(town: Town) -> None:
    first = await town.fails("expired_card")
    cases = [first]
    for number in range(1, INVOICES):
        case = Case(town, invoice_id=f"{first.ref.invoice_id}{number}", customer_id=first.customer_id)
        await case.fail("expired_card", segment="self_serve")
        await case.until_decided()
        cases.append(case)
    # Each has a clock of its own: they walk in small steps, so that what one says is known to the others.
    for step in range(1, DAYS * 4 + 1):
        for case in cases:
            await case.to_day(step / 4)
    letters = [letter for case in cases for letter in await case.letters() if letter["channel"] != "in_app"]
    caps = Caps()
    assert 0 < len(letters) <= caps.per_week
    days = Counter(datetime.fromisoformat(letter["at"]).date() for letter in letters)
    assert max(days.values()) <= caps.per_day
    for case in cases:
        assert any(case.ref.invoice_id in letter["text"] for letter in letters), case.ref.invoice_id
    covered = [what for case in cases for _, what in await case.timeline() if what.endswith("covered")]
    assert covered
    for case in cases:
        await case.world("void")
        assert await case.to_the_end() == "cancelled"

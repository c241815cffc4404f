"""Whole stories on real parts, told as calendars: what happens on which day, and that the other days are quiet."""

from tests.fixtures.ordinary_days import suspends_on
from tests.fixtures.town import Town


@suspends_on(14)
async def test_the_standard_ladder_of_somebody_who_never_pays(town: Town) -> None:
    case = await town.fails("do_not_honor", segment="self_serve", amount_minor=1900, currency="USD")
    await case.calendar(
        {
            0: ["message first_notice by email"],
            1: ["attempt 1 of 19.00 USD: declined (do_not_honor)"],
            3: ["attempt 2 of 19.00 USD: declined"],
            4: ["message reminder by email"],
            6: ["attempt 3 of 19.00 USD: declined", "message offer_1 by email"],
            8: ["access limited without bonus_credits, add_ons", "message limited by email"],
            9: ["attempt 4 of 19.00 USD: declined"],
            11: ["message warning by email"],
            13: ["attempt 5 of 19.00 USD: declined"],
            14: ["access suspended", "message suspended by email"],
            20: ["attempt 6 of 19.00 USD: declined"],
            21: ["message last_call by email"],
        },
        until=30,
    )
    assert await case.is_open()
    assert await case.to_the_end() == "written_off"
    assert [charge["status"] for charge in await case.charges()] == ["declined"] * 6


async def test_payday_is_found_by_the_ladder(town: Town) -> None:
    case = await town.fails("insufficient_funds")
    await case.calendar(
        {
            0: ["message first_notice by email"],
            1: ["attempt 1 of 29.00 EUR: declined (insufficient_funds)"],
            3: ["attempt 2 of 29.00 EUR: declined"],
            4: ["message reminder by email"],
            6: ["attempt 3 of 29.00 EUR: succeeded", "paid 29.00 EUR", "message recovered by email"],
        },
        until=8,
    )
    assert await case.until_closed() == "recovered"
    assert [charge["status"] for charge in await case.charges()] == ["declined", "declined", "succeeded"]


async def test_a_bank_that_is_down_for_two_hours_bothers_nobody(town: Town) -> None:
    case = await town.fails("issuer_down")
    await case.calendar(
        {
            0: [
                "attempt 1 of 29.00 EUR: declined (issuer_not_available)",
                "attempt 2 of 29.00 EUR: declined (issuer_not_available)",
                "attempt 3 of 29.00 EUR: succeeded",
                "paid 29.00 EUR",
            ]
        },
        until=3,
    )
    assert await case.until_closed() == "recovered"
    assert await case.letters() == []


@suspends_on(14)
async def test_a_lost_card_is_never_charged_again_and_never_named(town: Town) -> None:
    case = await town.fails("lost_card")
    await case.calendar(
        {
            0: ["message first_notice by email"],
            4: ["message reminder by email"],
            6: ["message offer_1 by email"],
            8: ["access limited", "message limited by email"],
            11: ["message warning by email"],
            14: ["access suspended", "message suspended by email"],
        },
        until=16,
    )
    assert await case.charges() == []
    letters = await case.letters()
    assert not [letter for letter in letters if "lost" in (letter["subject"] + letter["text"]).lower()]
    suspended = next(letter for letter in letters if "service is paused" in letter["subject"])
    assert "Pay the open amount by any method you like." in suspended["text"]

    status, answer = await case.gives_card()
    assert (status, answer["result"]) == (200, "paid")
    assert await case.until_closed() == "recovered"
    assert (await case.access())["level"] == "full"
    assert [what for _, what in await case.timeline()][-3:] == [
        "paid 29.00 EUR",
        "access full",
        "message reinstated by email",
    ]


async def test_enterprise_customers_get_grace_and_a_person(town: Town) -> None:
    case = await town.fails("do_not_honor", segment="enterprise", amount_minor=1_200_000)
    await case.calendar(
        {
            0: ["message first_notice by email"],
            2: ["attempt 1 of 12,000.00 EUR: declined"],
            3: ["handed over to support_contact"],
            5: ["attempt 2 of 12,000.00 EUR: declined"],
            7: ["message reminder by email"],
            10: ["attempt 3 of 12,000.00 EUR: declined"],
            17: ["attempt 4 of 12,000.00 EUR: declined"],
            20: ["message second_reminder by email"],
            24: ["attempt 5 of 12,000.00 EUR: declined"],
        },
        until=26,
    )
    handover = next(letter for letter in await case.letters() if letter["to"] == "sam.support@example.com")
    assert case.ref.invoice_id in handover["text"]
    await case.world("pay")
    assert await case.until_closed() == "recovered"
    assert (await case.access())["log"] == []

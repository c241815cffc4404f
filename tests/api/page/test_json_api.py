"""A merchant's own page, over the same rules: what it reads, chooses and is told."""

import uuid
from typing import Any

import pytest

from tests.fixtures.town import Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")

GOOD, DECLINED = "4242424242424242", "4000000000000002"


class OwnPage:
    """A page that a merchant has built, with the token that its back end has asked for."""

    def __init__(self, town: Town, token: str) -> None:
        self.town = town
        self.token = token
        self.session = ""

    @classmethod
    async def of(cls, town: Town, customer_id: str) -> "OwnPage":
        status, made = await town.api("POST", f"/pay/stripe/default/{customer_id}/token")
        assert (status, made["expires_in_seconds"]) == (200, 3600)
        return cls(town, made["token"])

    async def ask(self, method: str, path: str = "", body: Any = None) -> tuple[int, dict[str, Any]]:
        headers = {"Recoup-Session": self.session} if self.session else {}
        url = f"{self.town.api_url}/pay/{self.token}/api{path}"
        async with self.town.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def page(self) -> dict[str, Any]:
        status, answer = await self.ask("GET")
        assert status == 200, answer
        self.session = answer["session"]
        return dict(answer["page"])

    async def types(self, checkout: dict[str, Any], number: str) -> dict[str, str]:
        """Into the gateway's fields; what they bring the page."""
        session = checkout["fields"]["options"]["session"]
        typed = {"number": number, "expiry": "12/40", "cvc": "123"}
        await self.town.sandbox("POST", f"/gateway/fields/{session}", typed)
        return {"session": session}

    async def pays(self, number: str, **choice: Any) -> dict[str, Any]:
        status, checkout = await self.ask("POST", "/checkouts", {"way": "card", **choice})
        assert (status, checkout["state"]) == (201, "open"), checkout
        result = await self.types(checkout, number)
        status, done = await self.ask("POST", f"/checkouts/{checkout['id']}", {"result": result})
        assert status == 200
        return done


async def owing(town: Town, story: str = "expired_card", **ask: Any) -> tuple[Case, OwnPage]:
    case = await town.fails(story, **ask)
    return case, await OwnPage.of(town, case.customer_id)


async def test_a_card_is_declined_and_another_one_pays(town: Town) -> None:
    case, own = await owing(town)
    page = await own.page()
    assert (page["state"], page["total"]["amount_minor"], page["claims"][0]["invoice_id"]) == (
        "owed",
        2900,
        case.ref.invoice_id,
    )
    assert [way["way"] for way in page["ways"]] == ["card", "direct_debit", "wallet"]
    refused = await own.pays(DECLINED)
    assert (refused["state"], refused["advice"]) == ("refused", "contact_bank")
    paid = await own.pays(GOOD)
    assert (paid["state"], paid["headline"], paid["text"]) == (
        "paid",
        "Thank you",
        "Your payment of €29.00 has arrived.",
    )
    assert await case.until_closed() == "recovered"
    assert (await own.ask("GET", f"/checkouts/{paid['id']}"))[1]["state"] == "paid"
    assert (await own.ask("GET"))[1]["error"] == "ended_paid"


async def test_handing_over_the_same_fields_twice_pays_once(town: Town) -> None:
    case, own = await owing(town)
    _, checkout = await own.ask("POST", "/checkouts", {"way": "card"})
    result = await own.types(checkout, GOOD)
    for _ in range(2):
        _, done = await own.ask("POST", f"/checkouts/{checkout['id']}", {"result": result})
        assert done["state"] == "paid"
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


async def test_a_part_and_then_the_rest(town: Town) -> None:
    case, own = await owing(town)
    least = (await own.page())["least"]
    assert least["amount_minor"] == 870
    part = {"amount": {"amount_minor": 1000, "currency": "EUR"}}
    assert (await own.pays(GOOD, **part))["text"] == "Your payment of €10.00 has arrived."
    assert (await own.page())["total"]["amount_minor"] == 1900
    assert (await own.pays(GOOD))["state"] == "paid"
    assert [charge["amount_minor"] for charge in await case.charges()] == [1000, 1900]


async def test_a_plan_is_chosen_by_its_number(town: Town) -> None:
    case, own = await owing(town)
    plan = (await own.page())["plans"][0]
    assert [part["due"]["amount_minor"] for part in plan["instalments"]] == [968, 966, 966]
    done = await own.pays(GOOD, plan=plan["number"])
    assert "first instalment of €9.68" in done["text"]
    page = await own.page()
    assert (page["headline"], page["plans"], page["promise_until"]) == ("Your payment is arranged", [], None)
    assert "the customer chose a plan of 3 instalments" in [what for _, what in await case.timeline()]


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ({"way": "card", "amount": {"amount_minor": 100, "currency": "EUR"}}, "wrong_amount"),
        ({"way": "card", "amount": {"amount_minor": 1000, "currency": "USD"}}, "only_all"),
        ({"way": "card", "plan": 7}, "unknown_plan"),
        ({"way": "card", "plan": 0, "amount": {"amount_minor": 1000, "currency": "EUR"}}, "unknown_plan"),
        ({"way": "card", "invoices": ["in_of_somebody_else"]}, "unknown_invoice"),
        ({"way": "stored", "stored": "0123456789abcdef"}, "unknown_way"),
        ({"way": "confirm"}, "unknown_way"),
        ({"way": "card", "return_url": "https://evil.example/back"}, "unknown_return_url"),
        ({"way": "card", "return_url": "https://[broken"}, "unknown_return_url"),
    ],
)
async def test_what_is_not_offered_is_refused_by_name(town: Town, choice: dict[str, Any], word: str) -> None:
    case, own = await owing(town)
    status, answer = await own.ask("POST", "/checkouts", choice)
    assert (status, answer["error"]) == (409, word)
    assert await case.charges() == []


async def test_something_saved_is_shown_to_who_typed_in_the_code_and_to_nobody_else(town: Town) -> None:
    case, own = await owing(town, "insufficient_funds")
    page = await own.page()
    assert (page["wants_code"], [way["way"] for way in page["ways"] if way["stored"]]) == ("stored", [])
    assert (await own.ask("POST", "/code", {"channel": "email"}))[1]["result"] == "sent"
    assert (await own.ask("POST", "/verify", {"code": "12"}))[1]["result"] == "wrong"
    code = await code_sent_to(town, case)
    assert (await own.ask("POST", "/verify", {"code": code}))[1]["result"] == "verified"
    stored = [way for way in (await own.page())["ways"] if way["stored"]]
    assert len(stored) == 1
    stranger = OwnPage(town, own.token)
    assert not any(way["stored"] for way in (await stranger.page())["ways"])
    status, answer = await stranger.ask("POST", "/checkouts", {"way": "stored", "stored": stored[0]["stored"]})
    assert (status, answer["error"]) == (409, "unknown_way")
    choice = {"way": "stored", "stored": stored[0]["stored"], "once": uuid.uuid4().hex}
    for _ in range(2):
        status, done = await own.ask("POST", "/checkouts", choice)
        assert (status, done["state"], done["advice"]) == (201, "refused", "wait_funds")
    assert len(await case.charges()) == 1


async def test_a_name_that_another_link_has_used_changes_nothing_there(town: Town) -> None:
    _, own = await owing(town)
    case, stranger = await owing(town, "insufficient_funds")
    _, checkout = await own.ask("POST", "/checkouts", {"way": "card"})
    await stranger.page()
    await stranger.ask("POST", "/code", {"channel": "email"})
    await stranger.ask("POST", "/verify", {"code": await code_sent_to(town, case)})
    stored = [way["stored"] for way in (await stranger.page())["ways"] if way["stored"]]
    choice = {"way": "stored", "stored": stored[0], "once": checkout["id"]}
    await stranger.ask("POST", "/checkouts", choice)
    assert (await own.ask("GET", f"/checkouts/{checkout['id']}"))[1]["state"] == "open"
    assert (await stranger.ask("GET", f"/checkouts/{checkout['id']}"))[0] == 404


async def code_sent_to(town: Town, case: Case) -> str:
    answer = await town.sandbox("GET", "/outbox.json")
    address = f"{case.customer_id.removeprefix('cus_')}@customers.example"
    texts = [each["text"] for each in answer["messages"] if each["to"] == address and "is your code" in each["text"]]
    return str(texts[0].split()[0])


async def test_promise_mistake_and_help_are_taken_once(town: Town) -> None:
    case, own = await owing(town, "insufficient_funds")
    until = (await own.page())["promise_until"]
    once = uuid.uuid4().hex
    for _ in range(2):
        status, noted = await own.ask("POST", "/promise", {"once": once, "on": until})
        assert (status, noted["agreed"]) == (200, [case.ref.invoice_id])
    again = await own.ask("POST", "/promise", {"once": uuid.uuid4().hex, "on": until})
    assert again[1]["error"] == "not_offered"
    words = {"once": uuid.uuid4().hex, "topic": "wrong_amount", "words": "It should be less."}
    assert (await own.ask("POST", "/mistake", words))[0] == 200
    assert (await own.ask("POST", "/help", {"once": uuid.uuid4().hex}))[1]["agreed"] == [case.ref.invoice_id]
    tasks = await town.store.cases.open_tasks()
    assert [t.summary for t in tasks if t.case_id == case.ref.case_id and t.kind == "customer_words"] == [
        "It should be less."
    ]


async def test_a_checkout_of_another_token_is_not_there(town: Town) -> None:
    _, own = await owing(town)
    _, stranger = await owing(town)
    _, checkout = await own.ask("POST", "/checkouts", {"way": "card"})
    for method, body in (("GET", None), ("POST", {"result": {}})):
        status, answer = await stranger.ask(method, f"/checkouts/{checkout['id']}", body)
        assert (status, answer["error"]) == (404, "unknown_checkout")


async def test_only_pages_of_origins_that_are_set_up_may_read_it(town: Town) -> None:
    _, own = await owing(town)
    url = f"{town.api_url}/pay/{own.token}/api"
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": "https://evil.example"}
        async with town.session.request(method, url, headers=headers) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
            assert response.headers["Cache-Control"] == "no-store"
            assert "Set-Cookie" not in response.headers


async def test_a_day_is_named_for_all_invoices_together_and_one_card_pays_them(town: Town) -> None:
    case, own = await owing(town, "insufficient_funds")
    second = Case(town, invoice_id=f"{case.ref.invoice_id}b", customer_id=case.customer_id)
    await second.fail("insufficient_funds")
    await second.until_decided()
    page = await own.page()
    assert (page["total"]["amount_minor"], page["plans"], page["least"]) == (5800, [], None)
    _, noted = await own.ask("POST", "/promise", {"once": uuid.uuid4().hex, "on": page["promise_until"]})
    assert sorted(noted["agreed"]) == [case.ref.invoice_id, second.ref.invoice_id]
    assert (await own.page())["promise_until"] is None
    done = await own.pays(GOOD)
    assert (done["state"], done["text"]) == ("paid", "Your payment of €29.00 + €29.00 has arrived.")
    assert [await each.until_closed() for each in (case, second)] == ["recovered", "recovered"]

"""One customer's link, cookie, checkout or invoice is of no use for another's; and a link that has ended opens nothing,
on any address of the page."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.links import Links, PayLink
from api.app import ROUTES
from api.pay.session import SESSION_HEADER
from policies.keys import CustomerRef
from tests.api.page.conftest import link_of
from tests.api.page.strangers import FORM, Stranger, shown_text, wall_link
from tests.fixtures.town import Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")

STORED = '"way":"stored"'


def addresses_of_the_page() -> list[tuple[str, str]]:
    """Every route below /pay/{token}, by method and what follows the token: a new one is tried here by itself."""
    below = [route for route in ROUTES if route.address.startswith("/pay/{token}") and route.method != "OPTIONS"]
    return [(route.method, route.address.removeprefix("/pay/{token}").replace("{id}", "A" * 24)) for route in below]


PAGE = addresses_of_the_page()


def is_of_the_api(rest: str) -> bool:
    return rest.startswith("/api") or rest in ("/summary", "/stream")


async def refusals(who: Stranger) -> dict[tuple[str, str], int]:
    """What each address says to this token."""
    said = {}
    for method, rest in PAGE:
        body = b"{}" if "/api" in rest else b"csrf=x"
        headers = {"Content-Type": "application/json" if "/api" in rest else FORM} if method == "POST" else {}
        said[method, rest] = (await who.ask(method, rest, body if method == "POST" else None, headers)).status
    return said


def key_of(town: Town) -> list[str]:
    return [key.get_secret_value() for key in town.settings.link_keys]


def test_the_page_has_the_addresses_that_are_tried_here() -> None:
    assert ("GET", "") in PAGE
    assert ("POST", "/verify") in PAGE
    assert ("GET", "/stream") in PAGE
    assert ("POST", "/api/checkouts") in PAGE
    assert len(PAGE) >= 20


async def test_a_token_that_we_did_not_sign_opens_no_address(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    head, _, rest = mine.token.partition(".")
    other = Stranger(town, await link_of(await town.fails("expired_card"))).token
    links = town.settings.links()
    assert links
    customer = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    forged = {
        "another signature": mine.token[:-2] + ("AA" if not mine.token.endswith("AA") else "BB"),
        "another customer under this signature": f"{other.partition('.')[0]}.{rest}",
        "no signature": head,
        "of another key": Links(town.api_url, ["guessed " * 8]).pay_token(PayLink.of_wall(customer, datetime.now(UTC))),
        "of the preferences": links.token("preferences", customer),
        "of the feed": links.token("feed", customer),
        "never handed out": links.pay_token(PayLink.of_wall(customer, datetime.now(UTC))),
        "letters": "undefined",
    }
    for what, token in forged.items():
        said = await refusals(Stranger(town, f"/pay/{token}"))
        assert set(said.values()) == {404}, (what, said)


async def test_a_link_that_is_too_old_opens_no_address(town: Town) -> None:
    case = await town.fails("expired_card")
    links = town.settings.links()
    assert links
    customer = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    for made in (PayLink.of_wall, lambda who, at: PayLink.of_letter(who, uuid.uuid4().hex, at)):
        long_ago = datetime.now(UTC) - timedelta(days=31)
        link = made(customer, long_ago)
        await town.store.pay_links.made(link, "email", long_ago)
        said = await refusals(Stranger(town, links.pay(link)))
        assert {status for (_, rest), status in said.items() if is_of_the_api(rest)} == {404}
        assert {key: status for key, status in said.items() if not is_of_the_api(key[1]) and status != 410} == {}


@pytest.mark.parametrize("because", ["erased", "newer", "paid", "closed"])
async def test_a_link_that_was_ended_opens_nothing_and_says_no_more_than_that(town: Town, because: Any) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    customer = CustomerRef(source="stripe", account="default", customer_id=case.customer_id)
    await town.store.pay_links.revoke_all(customer, because, datetime.now(UTC))
    for method, rest in PAGE:
        body = (b"{}" if "/api" in rest else b"csrf=x") if method == "POST" else None
        if rest == "/stream":
            continue
        answer = await mine.ask(method, rest, body, {"Content-Type": FORM} if body else None)
        assert case.ref.invoice_id not in answer.text, (method, rest)
        assert "29" not in shown_text(answer.text.partition("<main")[2]), (method, rest)
        if method == "POST" and "/checkout" not in rest:
            assert answer.status in (200, 404, 410), (method, rest, answer.status)
    assert await case.charges() == []
    assert (
        await town.store.pool.fetchval("select count(*) from page_checkouts where customer_id = $1", case.customer_id)
        == 0
    )


async def test_a_link_under_a_key_that_was_dropped_opens_nothing_and_an_old_key_still_does(town: Town) -> None:
    customer = CustomerRef(source="stripe", account="default", customer_id="cus_x")
    link = PayLink.of_wall(customer, datetime.now(UTC))
    old, new = "old key " * 5, "new key " * 5
    token = Links("https://pay.example", [old]).pay_token(link)
    read = Links("https://pay.example", [new, old]).read_pay(token)
    assert read
    assert read.of(customer) == link
    assert Links("https://pay.example", [new]).read_pay(token) is None


async def test_a_checkout_is_seen_and_finished_on_its_own_link_only(town: Town) -> None:
    case, other_case = await town.fails("expired_card"), await town.fails("expired_card")
    mine, other = Stranger(town, await link_of(case)), Stranger(town, await link_of(other_case))
    on_wall = Stranger(town, await wall_link(case))
    checkout = await mine.begins()
    assert (await mine.opens(f"/checkout/{checkout}")).status == 200
    for stranger in (other, on_wall):
        stranger.cookies.update(mine.cookies)
        assert (await stranger.opens(f"/checkout/{checkout}")).status == 404
        assert (await stranger.sends(f"/checkout/{checkout}", {"result.x": "y"})).status == 404
        api = await stranger.opens(f"/api/checkouts/{checkout}")
        assert (api.status, "unknown_checkout" in api.text) == (404, True)
        sent = await stranger.ask("POST", f"/api/checkouts/{checkout}", b'{"result": {}}')
        assert (sent.status, "unknown_checkout" in sent.text) == (404, True)
    row = "select count(*) from page_tries where action_id = $1"
    assert await town.store.pool.fetchval(row, checkout) == 0


async def test_the_invoice_of_another_customer_cannot_be_chosen_nor_learned_of(town: Town) -> None:
    case, other_case = await town.fails("expired_card"), await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    theirs, nobodys = other_case.ref.invoice_id, "in_that_is_nobodys"
    for invoices in ([theirs], [case.ref.invoice_id, theirs], [nobodys], [f"stripe/default/{theirs}"]):
        sent = [("way", "card"), *(("invoice", each) for each in invoices)]
        assert (await mine.sends("/checkout", sent)).location.endswith("?said=unknown_invoice")
        body = f'{{"way": "card", "invoices": {invoices}}}'.replace("'", '"').encode()
        api = await mine.ask("POST", "/api/checkouts", body)
        assert (api.status, "unknown_invoice" in api.text) == (409, True)
        assert theirs not in api.text
    for text in ((await mine.opens()).text, (await mine.opens("/summary")).text, (await mine.opens("/api")).text):
        assert theirs not in text
        assert other_case.customer_id not in text
    assert await other_case.charges() == []


async def test_a_stored_way_of_another_customer_cannot_be_chosen(town: Town) -> None:
    case, other_case = await town.fails("expired_card"), await town.fails("expired_card")
    await other_case.new_card()
    mine, other = Stranger(town, await link_of(case)), Stranger(town, await link_of(other_case))
    await other.proves()
    page = (await other.opens()).text
    name = page.partition('name="stored-way" value="')[2].partition('"')[0]
    assert name
    await mine.proves()
    assert (await mine.sends("/checkout", {"stored-way": name})).location.endswith("?said=unknown_way")
    session = (await mine.opens("/api")).text.partition('"session":"')[2].partition('"')[0]
    body = f'{{"way": "stored", "stored": "{name}"}}'.encode()
    api = await mine.ask("POST", "/api/checkouts", body, {SESSION_HEADER: session})
    assert (api.status, "unknown_way" in api.text) == (409, True)
    assert await case.charges() == await other_case.charges() == []


async def test_a_token_for_the_wall_is_made_only_for_who_has_the_apis_own(town: Town) -> None:
    case = await town.fails("expired_card")
    path = f"{town.api_url}/pay/stripe/default/{case.customer_id}/token"
    page_token = Stranger(town, await link_of(case)).token
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": f"Bearer {page_token}"}):
        async with town.session.post(path, headers=headers) as response:
            assert response.status == 401
    for inside in ("/cases", f"/customers/stripe/default/{case.customer_id}", "/attempts", "/ui"):
        async with town.session.get(town.api_url + inside, headers={"Authorization": f"Bearer {page_token}"}) as told:
            assert told.status == 401, inside


async def test_the_json_api_keeps_what_was_proved_to_the_session_that_proved_it(town: Town) -> None:
    """By its header; the page's cookie is not read there, nor another link's session."""
    case = await town.fails("expired_card")
    await case.new_card()
    mine, wall = Stranger(town, await link_of(case)), Stranger(town, await wall_link(case))
    await mine.proves()
    assert STORED not in ways_of(await mine.opens("/api")), "no cookie is read"
    value = next(iter(mine.cookies.values()))
    assert STORED in ways_of(await mine.opens("/api", {SESSION_HEADER: value}))
    assert STORED not in ways_of(await wall.opens("/api", {SESSION_HEADER: value})), "of another link"
    assert STORED not in ways_of(await mine.opens("/api", {SESSION_HEADER: value[:-1]}))
    assert "Set-Cookie" not in (await Stranger(town, await link_of(case)).opens("/api")).headers


def ways_of(answer: Any) -> str:
    assert answer.status == 200
    return str(answer.text.partition('"ways":[')[2].partition("]")[0])


async def test_two_customers_never_read_each_others_summary(town: Town) -> None:
    cases: list[Case] = [await town.fails("expired_card") for _ in range(2)]
    guests = [Stranger(town, await wall_link(case)) for case in cases]
    for mine, other in (guests, reversed(guests)):
        told = await mine.opens("/summary", {"Origin": "https://evil.example"})
        assert other.token not in told.text
        assert mine.token in told.text
        assert "Access-Control-Allow-Origin" not in told.headers
        assert "Access-Control-Allow-Credentials" not in told.headers

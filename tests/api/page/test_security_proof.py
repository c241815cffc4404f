"""Somebody has a link that was forwarded, or seen over a shoulder: what the code at the customer's own address keeps
from them, and that it can be neither guessed nor gone around."""

from typing import Any

import pytest

from activities.page_desk import is_safe_to_open
from api.pay.offering import step_up_of
from tests.api.page.conftest import link_of
from tests.api.page.strangers import STORED, Stranger, code_sent, codes_of, shown_text, wall_link
from tests.fixtures.town import Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")

SPARE: Any = {"kind": "good", "brand": "visa", "last4": "4242", "expires": "2030-12"}


async def spare_card(town: Town) -> Case:
    case = await town.fails("expired_card")
    await town.sandbox("POST", f"/world/customers/{case.customer_id}/cards", SPARE)
    return case


async def test_a_stored_way_is_refused_by_its_right_name_to_who_typed_no_code(town: Town) -> None:
    """The name is made from what a stranger may know or guess, so it is no proof."""
    case = await spare_card(town)
    link = await link_of(case)
    owner, stranger = Stranger(town, link), Stranger(town, link)
    await owner.proves()
    name = STORED.findall((await owner.opens()).text)[0]
    refused = await stranger.sends("/checkout", {"stored-way": name})
    assert refused.location.endswith("?said=unknown_way")
    refused = await stranger.sends("/checkout", {"way": "stored", "stored-way": name})
    assert refused.location.endswith("?said=unknown_way")
    refused = await stranger.sends("/checkout", {"way": "stored"})
    assert refused.location.endswith("?said=unknown_way")
    assert await case.charges() == []
    assert "4242" not in (await stranger.opens()).text
    paid = await owner.sends("/checkout", {"stored-way": name})
    assert "/checkout/" in paid.location
    assert [charge["status"] for charge in await case.charges()] == ["succeeded"]


@pytest.mark.parametrize("name", ["0" * 16, "g" * 16, "%00", "../..", "a" * 5_000, "card"])
async def test_a_guessed_name_of_a_stored_way_is_refused_also_to_the_customer(town: Town, name: str) -> None:
    owner = Stranger(town, await link_of(await spare_card(town)))
    await owner.proves()
    refused = await owner.sends("/checkout", {"stored-way": name})
    assert refused.location.endswith("?said=unknown_way")


async def test_who_has_typed_the_code_on_one_link_has_not_typed_it_on_another(town: Town) -> None:
    case = await spare_card(town)
    first, second = Stranger(town, await link_of(case)), Stranger(town, await wall_link(case))
    await first.proves()
    assert STORED.findall((await first.opens()).text)
    second.cookies = dict(first.cookies)
    assert not STORED.findall((await second.opens()).text)
    name, value = next(iter(first.cookies.items()))
    await second.opens()
    (own,) = [each for each in second.cookies if each != name]
    second.cookies = {own: value}
    assert not STORED.findall((await second.opens()).text), "also not under the other link's own name"


async def test_a_cookie_that_was_planted_before_the_code_sees_nothing_after_it(town: Town) -> None:
    """Session fixation: a stranger with the link opens it, and brings the customer to use the stranger's cookie."""
    case = await spare_card(town)
    link = await link_of(case)
    stranger, customer = Stranger(town, link), Stranger(town, link)
    await stranger.opens()
    planted = dict(stranger.cookies)
    customer.cookies = dict(planted)
    await customer.proves()
    assert STORED.findall((await customer.opens()).text)
    assert customer.cookies != planted
    assert list(customer.cookies) == list(planted), "it takes the place of the earlier one"
    stranger.cookies = planted
    seen = await stranger.opens()
    assert "4242" not in seen.text
    assert not STORED.findall(seen.text)


async def test_a_code_is_worth_something_only_in_the_browser_that_asked_for_it(town: Town) -> None:
    case = await spare_card(town)
    link = await link_of(case)
    asked, other = Stranger(town, link), Stranger(town, link)
    code = await code_sent(asked, (await asked.opens()).csrf)
    assert (await other.types_code((await other.opens()).csrf, code)).location.endswith("?said=code_old")
    on_wall = Stranger(town, await wall_link(case))
    assert (await on_wall.types_code((await on_wall.opens()).csrf, code)).location.endswith("?said=code_old")
    assert (await asked.types_code((await asked.opens()).csrf, code)).location == asked.path


async def test_a_code_works_once_and_a_newer_one_ends_it(town: Town) -> None:
    customer = Stranger(town, await link_of(await spare_card(town)))
    csrf = (await customer.opens()).csrf
    first = await code_sent(customer, csrf)
    second = await code_sent(customer, csrf)
    if first != second:
        assert (await customer.types_code(csrf, first)).location.endswith("?said=wrong_code")
    before = dict(customer.cookies)
    assert (await customer.types_code(csrf, second)).location == customer.path
    customer.cookies = before
    assert (await customer.types_code(csrf, second)).location.endswith("?said=code_old")


async def test_a_code_is_guessed_five_times_and_not_once_more_even_with_the_right_one(town: Town) -> None:
    customer = Stranger(town, await link_of(await spare_card(town)))
    csrf = (await customer.opens()).csrf
    code = await code_sent(customer, csrf)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    said = [(await customer.types_code(csrf, wrong)).location.rpartition("=")[2] for _ in range(5)]
    assert said == ["wrong_code"] * 4 + ["code_old"]
    assert (await customer.types_code(csrf, code)).location.endswith("?said=code_old")
    assert not STORED.findall((await customer.opens()).text)


async def test_codes_go_out_three_times_an_hour_however_many_browsers_and_links_ask(town: Town) -> None:
    case = await spare_card(town)
    links = [await link_of(case), await wall_link(case)]
    said = []
    for n in range(5):
        stranger = Stranger(town, links[n % 2])
        said.append((await stranger.sends("/code", {"channel": "email"})).location.rpartition("=")[2])
    assert said == ["code_sent"] * 3 + ["code_not_sent"] * 2
    sent = [code for link in links for code in await codes_of(Stranger(town, link))]
    assert len(sent) == 3


async def test_where_the_policy_hides_everything_no_address_of_the_page_tells_it(town: Town) -> None:
    """`step_up: always`: with the link alone neither the page, nor what a banner reads, names the claim."""
    case = await town.fails("generic", segment="enterprise")
    stranger = Stranger(town, await wall_link(case))
    page, summary = await stranger.opens(), await stranger.opens("/summary")
    stream = await first_event(stranger)
    for told in (shown_text(page.text), page.text, summary.text, stream):
        assert case.ref.invoice_id not in told
        assert "1,200" not in told
        assert "€" not in told
        assert "/preferences/" not in told, "a key that lasts longer than this one"
    for path, fields in (
        ("/checkout", {"way": "card"}),
        ("/checkout", {"way": "card", "invoice": case.ref.invoice_id}),
        ("/promise", {"once": "a" * 12, "on": "2026-12-01"}),
        ("/mistake", {"once": "b" * 12, "topic": "not_mine"}),
        ("/help", {"once": "c" * 12}),
    ):
        refused = await stranger.sends(path, fields)
        assert refused.location.partition("?said=")[2] in ("unknown_invoice", "not_offered"), path
    await stranger.proves()
    assert case.ref.invoice_id in (await stranger.opens()).text
    assert "1,200" in (await stranger.opens("/summary")).text


async def test_what_a_colleague_looks_into_is_hidden_as_well(town: Town) -> None:
    """Also when nothing can be paid now, so that no way to pay is at stake."""
    case = await town.fails("generic", segment="enterprise")
    customer, stranger = Stranger(town, await wall_link(case)), Stranger(town, await wall_link(case))
    await customer.proves()
    told = await customer.sends("/mistake", {"once": "d" * 12, "topic": "wrong_amount"})
    assert told.location.endswith("?said=told")
    assert "being looked into" in (await customer.opens()).text
    seen = await stranger.opens()
    assert case.ref.invoice_id not in seen.text
    assert "being looked into" not in seen.text


def test_the_strictest_policy_of_the_open_claims_decides() -> None:
    class Told:
        def __init__(self, step_up: str, state: str) -> None:
            self.state = state
            self.policy = type("P", (), {"page": type("S", (), {"step_up": step_up})()})()

    def of(*claims: tuple[str, str]) -> str:
        made: Any = [Told(*claim) for claim in claims]
        return step_up_of(made)

    assert of() == "never"
    assert of(("never", "owed"), ("always", "owed")) == "always"
    assert of(("stored", "owed"), ("never", "owed")) == "stored"
    assert of(("always", "processing")) == "always"
    assert of(("always", "held"), ("never", "owed")) == "always"
    assert of(("always", "settled"), ("never", "owed")) == "never"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://pay.gateway.example/session/1?a=b", True),
        ("http://127.0.0.1:8090/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:8090/x", True),
        ("http://pay.gateway.example/x", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.1@evil.example/", False),
        ("javascript:alert(1)", False),
        ("JavaScript://https/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("/pay/x", False),
        ("https://", False),
        ("https://a.example/\r\nX: y", False),
        ("https://a.example/ b", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_a_page_of_a_gateway_becomes_a_link_only_over_https_or_on_this_machine(url: str, safe: bool) -> None:
    assert is_safe_to_open(url) is safe


async def first_event(who: Stranger) -> str:
    async with who.town.session.get(who.town.api_url + who.path + "/stream") as response:
        return (await response.content.readuntil(b"\n\n")).decode()

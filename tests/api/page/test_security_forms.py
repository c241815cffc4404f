"""Forms that are not of our page: forged by another site, of another customer, odd, too large, too many."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from api.pay.guard import RATES, Rates
from tests.api.page.conftest import link_of
from tests.api.page.strangers import FORM, ONCE, Seen, Stranger, wall_link
from tests.fixtures.town import Case, Town

pytestmark = pytest.mark.usefixtures("unhurried")

FORMS: dict[str, dict[str, str]] = {
    "/checkout": {"way": "card"},
    "/promise": {"once": "forged-promise", "on": "2026-12-01"},
    "/mistake": {"once": "forged-mistake", "topic": "not_mine", "words": "forged"},
    "/help": {"once": "forged-help", "words": "forged"},
    "/code": {"channel": "email"},
    "/verify": {"code": "123456"},
    "/seen": {"what": "opened_page"},
}
ODD = "\r\nSet-Cookie: planted=1\r\nLocation: https://evil.example/\r\n\r\n<script>alert(1)</script>"


async def nothing_happened(case: Case) -> None:
    """Neither at the gateway nor in the case, nor in what lies ready for it."""
    store = case.town.store
    assert await case.charges() == []
    for table in ("page_checkouts", "page_codes", "page_tries"):
        rows = await store.pool.fetchval(f"select count(*) from {table} where customer_id = $1", case.customer_id)
        assert rows == 0, table
    asked = await store.pool.fetchval(
        "select count(*) from inbox_keys where source = 'recoup' and event_key like $1", f"%{case.ref.invoice_id}%"
    )
    assert asked == 0


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_the_pages_token_changes_nothing(town: Town, path: str) -> None:
    case = await town.fails("expired_card")
    link = await link_of(case)
    mine, other_browser = Stranger(town, link), Stranger(town, link)
    on_wall = Stranger(town, await wall_link(case))
    csrf = (await mine.opens()).csrf
    forged = ["", "0" * 64, csrf[:-1], csrf.upper(), (await other_browser.opens()).csrf, (await on_wall.opens()).csrf]
    for token in forged:
        assert (await mine.sends(path, FORMS[path], token)).status == 403
    without_any = await mine.ask("POST", path, urlencode(FORMS[path]).encode(), {"Content-Type": FORM})
    assert without_any.status == 403
    await nothing_happened(case)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_another_site_changes_nothing_even_with_the_right_token(town: Town, path: str) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    csrf = (await mine.opens()).csrf
    for came_from in ("cross-site", "same-site", "none", ""):
        refused = await mine.sends(path, FORMS[path], csrf, {"Sec-Fetch-Site": came_from})
        assert refused.status == 403, came_from
    await nothing_happened(case)


async def test_without_the_cookie_the_token_is_worth_nothing_and_a_cookie_of_another_link_is_none(town: Town) -> None:
    case, other_case = await town.fails("expired_card"), await town.fails("expired_card")
    mine, other = Stranger(town, await link_of(case)), Stranger(town, await link_of(other_case))
    csrf, other_csrf = (await mine.opens()).csrf, (await other.opens()).csrf
    cookies = dict(mine.cookies)
    mine.cookies = {}
    assert (await mine.sends("/checkout", FORMS["/checkout"], csrf)).status == 403
    mine.cookies = dict(other.cookies)
    assert (await mine.sends("/checkout", FORMS["/checkout"], csrf)).status == 403
    mine.cookies = {next(iter(cookies)): next(iter(other.cookies.values()))}
    for token in (csrf, other_csrf):
        assert (await mine.sends("/checkout", FORMS["/checkout"], token)).status == 403
    await nothing_happened(case)


async def test_the_form_that_finishes_a_payment_is_protected_like_the_others(town: Town) -> None:
    case = await town.fails("expired_card")
    mine, other = Stranger(town, await link_of(case)), Stranger(town, await link_of(case))
    checkout = await mine.begins()
    path, fields = f"/checkout/{checkout}", {"result.x": "y"}
    assert (await mine.sends(path, fields, "0" * 64)).status == 403
    assert (await mine.sends(path, fields, (await other.opens()).csrf)).status == 403
    assert (await mine.sends(path, fields, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert await town.store.pool.fetchval("select count(*) from page_tries where action_id = $1", checkout) == 0
    assert (await mine.sends(path, fields)).status == 303
    assert await town.store.pool.fetchval("select count(*) from page_tries where action_id = $1", checkout) == 1


async def test_looking_changes_nothing_whoever_looks_and_however(town: Town) -> None:
    """Mail scanners open every link with GET and HEAD, and follow what they find."""
    case = await town.fails("expired_card")
    scanner = Stranger(town, await link_of(case))
    page = await scanner.opens()
    below = re.findall(rf'(?:action|href)="{re.escape(scanner.path)}([^"]*)"', page.text)
    assert len(set(below)) >= 5
    for method in ("HEAD", "GET"):
        for path in ("", "?said=promised", "?back=1&setup_intent=x", "/checkout/unknown", "/summary", *below):
            assert (await scanner.ask(method, path)).status in (200, 404, 405)
    await nothing_happened(case)


async def test_other_methods_are_refused(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "X"):
        for path in ("", *FORMS, "/checkout/abc"):
            refused = await mine.ask(method, path, headers={"X-Planted": "1"})
            assert refused.status in (400, 401, 405), (method, path)
            assert refused.status == 400 or refused.headers["X-Content-Type-Options"] == "nosniff"
            assert "X-Planted" not in str(refused)
    for path in FORMS:
        assert (await mine.ask("GET", path)).status == 405
    await nothing_happened(case)


def bodies() -> dict[str, tuple[bytes, str]]:
    boundary = b'--x\r\nContent-Disposition: form-data; name="way"\r\n\r\ncard\r\n--x--\r\n'
    return {
        "multipart": (boundary, "multipart/form-data; boundary=x"),
        "json": (b'{"way": "card", "csrf": ["x"]}', "application/json"),
        "invalid utf-8": (b"csrf=\xff\xfe&way=card", FORM),
        "a thousand fields": ("&".join(f"f{n}=1" for n in range(1_000)).encode(), FORM),
        "a thousand of one": (b"&".join([b"csrf=1"] * 1_000), FORM),
        "no pairs": (b"&&&&", FORM),
        "zero bytes": (b"csrf=\x00\x00&way=%00", FORM),
        "empty": (b"", FORM),
        "a long value": (b"csrf=" + b"a" * 900_000, FORM),
        "nested": (b"csrf[a][b]=1&__proto__[x]=1", FORM),
        "a list": (b"[" * 10_000, "application/json"),
    }


async def test_a_body_that_is_no_form_of_ours_is_refused_in_a_sentence(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    await mine.opens()
    for what, (body, content_type) in bodies().items():
        for path in FORMS:
            refused = await mine.ask("POST", path, body, {"Content-Type": content_type})
            assert refused.status in (400, 403), (what, path, refused.status)
            assert "Traceback" not in refused.text
    await nothing_happened(case)


async def test_a_body_beyond_the_limit_is_not_read(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    await mine.opens()
    body = b"csrf=" + b"a" * (town.settings.max_body_bytes + 1)
    assert (await mine.ask("POST", "/checkout", body, {"Content-Type": FORM})).status == 413


NOT_ALLOWED: list[tuple[str, dict[str, str], str]] = [
    ("/checkout", {"way": "bitcoin"}, "not_understood"),
    ("/checkout", {"way": ODD}, "not_understood"),
    ("/checkout", {}, "unknown_way"),
    ("/checkout", {"way": "card", "invoice": ODD}, "unknown_invoice"),
    ("/checkout", {"way": "card", "sum": ODD}, "not_understood"),
    ("/checkout", {"way": "card", "sum": "plan-9"}, "unknown_plan"),
    ("/checkout", {"way": "card", "sum": "part", "part": "-5"}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": "0"}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": "29.01"}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": "1e9"}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": "NaN"}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": "9" * 400}, "wrong_amount"),
    ("/checkout", {"way": "card", "sum": "part", "part": ODD}, "wrong_amount"),
    ("/checkout", {"way": "confirm"}, "unknown_way"),
    ("/promise", {"once": ODD, "on": "2026-12-01"}, "not_understood"),
    ("/promise", {"once": "abcdefgh", "on": ODD}, "not_understood"),
    ("/promise", {"once": "abcdefgh", "on": "9999-12-31"}, "not_offered"),
    ("/promise", {"once": "abcdefgh", "on": "0001-01-01"}, "not_offered"),
    ("/mistake", {"once": "abcdefgh", "topic": ODD}, "not_understood"),
    ("/mistake", {"once": "abcdefgh", "topic": "not_mine", "words": "x" * 5_000}, "not_understood"),
    ("/code", {"channel": ODD}, "not_understood"),
    ("/code", {"channel": "push"}, "not_understood"),
    ("/verify", {"code": ODD}, "not_understood"),
    ("/verify", {"code": "1" * 41}, "not_understood"),
]


async def test_what_a_form_may_not_hold_leads_back_to_the_page_and_nowhere_else(town: Town) -> None:
    """No header can be planted through a field, and the address that follows is our own."""
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    csrf = (await mine.opens()).csrf
    for path, fields, said in NOT_ALLOWED:
        answer = await mine.sends(path, fields, csrf)
        assert (answer.status, answer.location) == (303, f"{mine.path}?said={said}"), fields
        assert "planted" not in str(answer.headers)
    await nothing_happened(case)


@pytest.mark.parametrize("odd", ["%0d%0aX-Planted:%201", "%0aX-Planted:1", "%E5%98%8A%E5%98%8DX-Planted:1", "%00"])
async def test_an_address_plants_no_header_and_leads_nowhere_else(town: Town, odd: str) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    checkout = await mine.begins()
    asked = [
        await mine.opens(f"?said={odd}"),
        await mine.opens(f"?said=promised&next=https://evil.example/&back={odd}"),
        await mine.opens(f"/checkout/{checkout}?back={odd}&x={odd}"),
        await mine.opens("", {"Accept-Language": f"de{odd}, <script>"}),
        await mine.ask("GET", f"/checkout/{odd}"),
        await mine.ask("GET", odd),
        await mine.ask("POST", f"/checkout/{odd}"),
    ]
    for answer in asked:
        assert "X-Planted" not in answer.headers
        assert "evil.example" not in answer.location
        assert answer.status < 500


async def test_every_redirect_stays_on_the_page_whatever_is_asked_for(town: Town) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    wished = dict.fromkeys(("return_url", "next", "said", "url", "back", "base"), "https://evil.example/")
    for path, fields in FORMS.items():
        answer = await mine.sends(path, {**fields, **wished}, headers={"Referer": "https://evil.example/"})
        assert answer.status == (204 if path == "/seen" else 303)
        assert answer.location.startswith((f"{mine.path}?said=", f"{mine.path}/checkout/") if answer.location else "")
        assert "evil" not in str(answer.headers)
        assert (await mine.sends(f"{path}?next=https://evil.example/", fields)).status == 400


def statuses(answers: list[Seen]) -> list[int]:
    return [answer.status for answer in answers]


@pytest.mark.parametrize("whose", ["link", "customer", "address"])
async def test_too_many_forms_wait_and_are_told_how_long(
    town: Town, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """For one link, for one customer over several links, and for one address over several customers."""
    case = await town.fails("expired_card")
    other = await town.fails("expired_card") if whose == "address" else case
    links = [await link_of(case)] if whose == "link" else [await wall_link(case), await wall_link(other)]
    asking = [Stranger(town, link) for link in links]
    tokens = [(await each.opens()).csrf for each in asking]
    plenty: dict[str, Any] = {"link": 6_000, "customer": 6_000, "address": 6_000}
    monkeypatch.setitem(RATES, "post", Rates(**{**plenty, whose: 4}))
    turns = [n % len(asking) for n in range(8)]
    answers = [await asking[n].sends("/verify", {"code": "000000"}, tokens[n]) for n in turns]
    assert statuses(answers)[:4] == [303] * 4
    assert set(statuses(answers)[5:]) == {429}
    refused = answers[-1]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["Cache-Control"] == "no-store"
    assert (await asking[0].opens()).status == 200, "looking is counted apart"


async def test_guessing_links_is_slowed_down_by_address(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    monkeypatch.setitem(RATES, "view", Rates(link=6_000, customer=6_000, address=3))
    guesses = [Stranger(town, f"{mine.path[:-4]}{n:04d}") for n in range(8)]
    said = statuses([await each.opens() for each in guesses])
    assert said[:3] == [404] * 3
    assert set(said[4:]) == {429}


async def test_once_sent_forms_do_once_what_they_say(town: Town) -> None:
    """The same form again, as after a reload or by who recorded it, is the same deed."""
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    page = await mine.opens()
    fields = {"once": ONCE.findall(page.text)[0], "words": "please call me"}
    for _ in range(3):
        assert (await mine.sends("/help", fields, page.csrf)).location.endswith("?said=asked")
    words = "select count(*) from tasks where case_id = $1 and kind = 'customer_words'"
    assert await town.store.pool.fetchval(words, case.ref.case_id) == 1

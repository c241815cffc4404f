"""What the page leaves behind: no log line, span or figure of ours holds a token, a code, a cookie or an address, and
secrets are compared without telling how close a guess was."""

import ast
import hmac
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from itsdangerous import signer as signing
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from activities import links, page_access
from activities.store import page_access as kept
from api import telemetry
from api.pay import session
from tests.api.page.conftest import link_of
from tests.api.page.strangers import STORED, Stranger, code_sent, link_id_of
from tests.fixtures.town import Town

pytestmark = pytest.mark.usefixtures("unhurried")

OURS = ("api", "activities", "workers", "aiohttp", "asyncpg", "recoup")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "TRACER", provider.get_tracer("recoup.api"))
    yield exporter
    provider.shutdown()


def written(span: ReadableSpan) -> str:
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    return f"{span.name} {dict(span.attributes or {})} {events} {span.status.description}"


async def test_a_whole_visit_leaves_no_secret_in_logs_or_spans(
    town: Town, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of what went wrong: a forged link, a wrong code, a body that is none, a part that is down."""
    counted: list[Any] = []
    monkeypatch.setattr(telemetry.REQUESTS, "add", lambda amount, labels: counted.append(labels))
    case = await town.fails("expired_card")
    await case.new_card()
    link = await link_of(case)
    customer = await town.store.customers.get("stripe", "default", case.customer_id)
    assert customer.email
    caplog.set_level(logging.DEBUG)
    for name in OURS:
        caplog.set_level(logging.DEBUG, logger=name)
    mine = Stranger(town, link)
    page = await mine.opens()
    code = await code_sent(mine, page.csrf)
    cookies = [*mine.cookies.values()]
    await mine.types_code(page.csrf, f"{(int(code) + 1) % 1_000_000:06d}")
    await mine.types_code(page.csrf, code)
    cookies += mine.cookies.values()
    await mine.sends("/help", {"once": "abcdefgh", "words": "these are my own words"})
    name = STORED.findall((await mine.opens()).text)[0]
    await mine.ask("POST", "/checkout", b"\xff\xfe", {"Content-Type": "x"})
    await mine.ask("PUT", "/checkout")
    await Stranger(town, f"{link[:-3]}xyz").opens()
    with monkeypatch.context() as broken:
        broken.setattr("api.pay.rooms.claims_of", _down)
        assert (await mine.opens()).status == 503
        broken.setattr("api.pay.rooms.claims_of", _bug)
        assert (await mine.opens()).status == 500
    await mine.sends("/checkout", {"stored-way": name})
    secrets = {
        "token": mine.token,
        "signature": mine.token.rpartition(".")[2],
        "csrf": page.csrf,
        "code": code,
        "email": customer.email.address,
        "sms": "+15005550006",
        "name": "Ada Example",
        "words": "these are my own words",
        "stored way": name,
        **{f"cookie {n}": value.partition(".")[0] for n, value in enumerate(cookies)},
    }
    told = [
        record.getMessage() + str(record.exc_text or "") for record in caplog.records if record.name.startswith(OURS)
    ]
    told += [logging.Formatter().format(record) for record in caplog.records if record.name.startswith(OURS)]
    told += [written(span) for span in spans.get_finished_spans()]
    told += [str(labels) for labels in counted]
    assert any("/pay/{token}/checkout" in line for line in told), "the route is named, never the address"
    assert any("unexpected error" in line for line in told)
    for line in told:
        for what, secret in secrets.items():
            assert secret not in line, f"{what} stands in: {line[:300]}"
    assert {key for labels in counted for key in labels} == {"route", "status"}


async def _down(*_: Any) -> Any:
    raise ConnectionRefusedError("database of the page")


async def _bug(*_: Any) -> Any:
    raise ZeroDivisionError("a mistake of ours")


async def test_a_mistake_of_ours_tells_a_stranger_nothing_of_its_inside(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    monkeypatch.setattr("api.pay.rooms.claims_of", _bug)
    seen = await mine.opens()
    assert seen.status == 500
    for inside in ("ZeroDivision", "Traceback", "a mistake of ours", ".py", mine.token):
        assert inside not in seen.text


async def test_neither_code_nor_cookie_lies_in_the_database(town: Town) -> None:
    """Whoever reads a copy of it can log in nowhere: hashes only, of codes under a key that is not in it."""
    case = await town.fails("expired_card")
    mine = Stranger(town, await link_of(case))
    code = await code_sent(mine, (await mine.opens()).csrf)
    before = next(iter(mine.cookies.values()))
    await mine.types_code((await mine.opens()).csrf, code)
    after = next(iter(mine.cookies.values()))
    pool = town.store.pool
    rows = [
        *await pool.fetch("select * from page_codes where customer_id = $1", case.customer_id),
        *await pool.fetch("select * from page_sessions where link_id = $1", link_id_of(mine)),
        *await pool.fetch("select * from pay_links where customer_id = $1", case.customer_id),
    ]
    assert len(rows) >= 3
    kept_text = " ".join(str(dict(row)) for row in rows)
    for secret in (code, before.partition(".")[0], after.partition(".")[0], mine.token.rpartition(".")[2]):
        assert secret not in kept_text
    (row,) = await pool.fetch("select code_hash, session_hash from page_codes where customer_id = $1", case.customer_id)
    asked = f"access_code\n{link_id_of(mine)}\n{row['session_hash']}\n{code}".encode()
    key = town.settings.link_keys[0].get_secret_value()
    assert row["code_hash"] == hmac.new(key.encode(), asked, "sha256").hexdigest()


# Comparing


def test_the_signature_of_a_link_is_compared_in_constant_time() -> None:
    """By itsdangerous, which tries each key; our own code compares nothing of it by hand."""
    algorithm = inspect.getsource(signing.SigningAlgorithm.verify_signature)
    assert "hmac.compare_digest" in algorithm
    assert "verify_signature" in inspect.getsource(signing.Signer.verify_signature)
    assert issubclass(links._DatedSigner, signing.Signer)
    assert "verify_signature" not in inspect.getsource(links._DatedSigner)


def test_codes_are_compared_whole_and_with_all_keys() -> None:
    source = inspect.getsource(kept.is_one_of)
    assert "hmac.compare_digest" in source
    loops = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Return | ast.Break)]
    assert len(loops) == 1, "it goes to the end whatever it has found"
    assert kept.is_one_of("a", ["b", "a", "c"])
    assert not kept.is_one_of("a", ["b", "c"])
    assert "is_one_of(" in inspect.getsource(kept.PageCodes.verify)


@pytest.mark.parametrize("module", [links, page_access, kept, session])
def test_no_secret_is_compared_by_equality(module: Any) -> None:
    """Nothing that is named like one stands beside == or != anywhere in these files."""
    secret = ("code", "csrf", "token", "secret", "hash", "signature", "cookie")
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            names = [ast.unparse(each).lower() for each in (node.left, *node.comparators)]
            assert not any(word in name for name in names for word in secret), ast.unparse(node)


def test_every_secret_comes_from_the_systems_random_source() -> None:
    """Six digits a code, which tries are few for; 256 bits a session."""
    assert "secrets.randbelow(10**DIGITS)" in inspect.getsource(page_access.PageAccess.send_code)
    assert "secrets.token_urlsafe(32)" in inspect.getsource(session)
    for module in (links, page_access, session):
        assert "import random" not in inspect.getsource(module)

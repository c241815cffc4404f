"""The customer directory's front door: strict on the way in, silent about what it was given (P9)."""

import logging
from typing import Any

import pytest

from activities.store.store import Store
from tests.fixtures.store import RunningApi

ADA = "/customers/stripe/default/cus_ada"
EVERYTHING = {
    "name": "Ada Example",
    "segment": "premium",
    "zone": "Asia/Kolkata",
    "locale": "pt_BR",
    "email": {"address": "ada@customers.example", "consent": False},
    "sms": {"address": "+15005550006", "consent": True},
    "in_app": {"address": "cus_ada", "consent": True},
    "push": {"consent": False},
    "webhook": {"address": "cus_ada", "consent": True},
    "preferred_channels": ["sms", "email"],
    "support_contact": {"name": "Sam Support", "email": "sam@example.com"},
    "country": "US",
    "subdivision": "US-CA",
    "postal_code": "94105",
    "since": "2024-05-01T09:00:00Z",
    "tags": ["vip"],
    "active_hours": [9, 10],
    "learn_active_hours": True,
    "ways_to_pay": [
        {
            "credential_id": "pm_spare",
            "consent": True,
            "gateway": "adyen/main",
            "gateway_customer_id": "shopper_1",
            "payment_type": "card",
            "network": "visa",
            "country": "DE",
            "fingerprint": "fp_1",
        }
    ],
}


async def test_what_is_put_is_what_one_gets(api: RunningApi) -> None:
    put = await api.ask("PUT", ADA, EVERYTHING)
    got = await api.ask("GET", ADA)
    assert (put.status, got.status) == (200, 200)
    assert put.body == got.body == EVERYTHING


async def test_what_is_left_out_has_its_default_and_nobody_is_reached(api: RunningApi) -> None:
    got = (await api.ask("PUT", ADA, {})).body
    assert (got["segment"], got["zone"], got["locale"], got["email"]) == ("self_serve", None, "en", None)
    assert (await api.ask("GET", "/customers/stripe/default/cus_nobody")).body == got


async def test_a_put_replaces_the_whole_record(api: RunningApi) -> None:
    await api.ask("PUT", ADA, EVERYTHING)
    await api.ask("PUT", ADA, {"zone": "Europe/Berlin"})
    got = (await api.ask("GET", ADA)).body
    assert (got["zone"], got["name"], got["email"]) == ("Europe/Berlin", None, None)


async def test_a_channel_without_consent_is_no_channel(api: RunningApi, store: Store) -> None:
    await api.ask("PUT", ADA, EVERYTHING)
    customer = await store.customers.get("stripe", "default", "cus_ada")
    assert customer.addresses.get("email") is None
    assert customer.addresses.get("sms") is not None


async def test_customers_of_two_accounts_are_two(api: RunningApi) -> None:
    await api.ask("PUT", ADA, EVERYTHING)
    assert (await api.ask("GET", "/customers/stripe/other/cus_ada")).body["name"] is None


SECRET_VALUE = "ada.lovelace@private.example"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"zone": SECRET_VALUE}, "zone"),
        ({"zone": ""}, "zone"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"country": "Germany"}, "country"),
        ({"country": "de"}, "country"),
        ({"country": "419"}, "country"),
        ({"country": SECRET_VALUE}, "country"),
        ({"subdivision": SECRET_VALUE}, "subdivision"),
        ({"postal_code": SECRET_VALUE}, "postal_code"),
        ({"since": "2024-01-01"}, "since"),
        ({"since": SECRET_VALUE}, "since"),
        ({"tags": [SECRET_VALUE]}, "tags.0"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"active_hours": [24]}, "active_hours.0"),
        ({"locale": SECRET_VALUE}, "locale"),
        ({"locale": ""}, "locale"),
        ({"locale": "xx_YY"}, "locale"),
        ({"locale": "../en"}, "locale"),
        ({"segment": SECRET_VALUE}, "segment"),
        ({"segment": "Premium"}, "segment"),
        ({"name": 7}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": SECRET_VALUE + "\x00"}, "name"),
        ({"name": SECRET_VALUE + "\r\nBcc: all@example.com"}, "name"),
        ({"nickname": SECRET_VALUE}, "nickname"),
        ({"email": SECRET_VALUE}, "email"),
        ({"email": {"address": ""}}, "email.address"),
        ({"email": {"address": SECRET_VALUE + "\nBcc: all@example.com"}}, "email.address"),
        ({"email": {"address": SECRET_VALUE, "consent": "yes"}}, "email.consent"),
        ({"email": {"address": SECRET_VALUE, "consent": 1}}, "email.consent"),
        ({"email": {"consent": True}}, "email.address"),
        ({"sms": {"address": SECRET_VALUE, "number": 1}}, "sms.number"),
        ({"support_contact": {"name": SECRET_VALUE}}, "support_contact.email"),
        ({"support_contact": {"name": SECRET_VALUE + "\u2028", "email": "a@b"}}, "support_contact.name"),
    ],
)
async def test_what_is_wrong_is_named_and_never_repeated(
    api: RunningApi, store: Store, caplog: pytest.LogCaptureFixture, body: Any, field: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        reply = await api.ask("PUT", ADA, body)
    assert (reply.status, reply.body["error"]) == (400, "invalid"), reply.text
    assert reply.body["detail"].startswith(f"{field}: "), reply.body
    assert SECRET_VALUE not in reply.text + caplog.text
    assert await store.pool.fetchval("select count(*) from customers") == 0


@pytest.mark.parametrize("body", [b"", b"junk", b"[]", b"null", b'"Ada"', b'{"name": "a"', b'{"name": "\\ud800"}'])
async def test_a_body_that_is_no_customer_is_refused(api: RunningApi, body: bytes) -> None:
    reply = await api.ask("PUT", ADA, body)
    assert (reply.status, reply.body["error"]) == (400, "invalid")
    assert reply.body["detail"]


@pytest.mark.parametrize("customer_id", ["a b", "a%00b", "a%0ab", "%ff", "%2e%2e%2f", "x" * 201, "%E2%80%AE", "a%2fb"])
async def test_an_id_that_is_no_id_is_refused(api: RunningApi, store: Store, customer_id: str) -> None:
    reply = await api.ask("PUT", f"/customers/stripe/default/{customer_id}", {})
    assert reply.status in (400, 404)
    assert await store.pool.fetchval("select count(*) from customers") == 0


async def test_names_in_any_script_are_kept(api: RunningApi) -> None:
    for name in ("Ægir Þórsson", "山田 太郎", "O'Neill; drop table customers", "👩\u200d💻", "\\u0000"):
        await api.ask("PUT", ADA, {"name": name})
        assert (await api.ask("GET", ADA)).body["name"] == name


async def test_without_a_database_the_directory_asks_to_come_back(api_without_database: RunningApi) -> None:
    for method in ("PUT", "GET", "DELETE"):
        reply = await api_without_database.ask(method, ADA, EVERYTHING)
        assert (reply.status, reply.body["error"]) == (503, "unavailable")


async def test_who_is_forgotten_is_a_stranger_again(api: RunningApi, store: Store) -> None:
    await api.ask("PUT", ADA, EVERYTHING)
    await api.ask("PUT", "/customers/stripe/other/cus_ada", EVERYTHING)
    reply = await api.ask("DELETE", ADA)
    counts = {name: reply.body[name] for name in ("texts", "feed_items", "devices", "bodies", "bodies_kept")}
    assert (reply.status, reply.body["known"], counts) == (200, True, dict.fromkeys(counts, 0))
    assert (await api.ask("GET", ADA)).body["name"] is None
    assert (await api.ask("GET", "/customers/stripe/other/cus_ada")).body["name"] == "Ada Example"
    again = await api.ask("DELETE", ADA)
    assert (again.status, again.body["known"], again.body["open_cases"]) == (200, False, 0)


async def test_only_who_has_a_token_may_have_somebody_forgotten(api: RunningApi, store: Store) -> None:
    await api.ask("PUT", ADA, EVERYTHING)
    assert (await api.ask("DELETE", ADA, token=None)).status == 401
    assert (await api.ask("DELETE", "/customers/stripe/default/a%20b")).status == 400
    assert await store.customers.knows("stripe", "default", "cus_ada")

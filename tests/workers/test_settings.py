"""Settings by environment: what is wrong is refused by name, what is secret is never shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from policies.keys import CaseRef
from workers.settings import Settings
from workers.wiring import read_policies, routes_of

LONG = "a-token-that-is-long-enough"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("RECOUP_")]:
        monkeypatch.delenv(name)


def test_the_defaults_work_and_let_nobody_in() -> None:
    settings = Settings()
    assert settings.actors_by_token() == {}
    assert settings.secrets_by_account() == {}
    assert settings.api_host == settings.sandbox_host == "127.0.0.1"
    assert [document.name for document in read_policies(settings.policies)][-1] == "self_serve"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql://recoup:pw@db/recoup",
        "API_TOKENS": json.dumps({"alice": LONG}),
        "WEBHOOK_SECRETS": json.dumps({"stripe/default": ["whsec_new", "whsec_old"]}),
        "MERCHANT__NAME": "Acme",
        "MERCHANT__SUPPORT_EMAIL": "help@acme.example",
        "MERCHANT__BILLING_URL": "https://acme.example/{invoice_id}",
        "RELAY_BATCH": "7",
    }.items():
        monkeypatch.setenv(f"RECOUP_{name}", value)
    settings = Settings()
    assert settings.actors_by_token() == {LONG: "alice"}
    assert settings.secrets_by_account() == {"stripe/default": ["whsec_new", "whsec_old"]}
    assert (settings.relay_batch, settings.merchant.name) == (7, "Acme")


WRONG: list[tuple[str, str]] = [
    ("API_PORT", "eighty"),
    ("API_PORT", "70000"),
    ("DATABASE_POOL", "0"),
    ("DATABASE_POOL", "1"),
    ("TEMPORAL_RETENTION_DAYS", "0"),
    ("TASK_QUEUE", ""),
    ("LOG_LEVEL", "chatty"),
    ("OUTSIDE_TIMEOUT_SECONDS", "0"),
    ("OUTSIDE_TIMEOUT_SECONDS", "56"),
    ("RELAY_BATCH", "0"),
    ("MAX_BODY_BYTES", "10"),
    ("OWNERS", "[]"),
    ("ROUTES", '{"*/*": "sandbox"}'),
    ("GATEWAYS", '{"stripe/default": {}}'),
    ("GATEWAYS", '{"stripe/default": {"api_key": "whsec_x", "colour": "red"}}'),
    ("GATEWAYS", '{"stripe/default": {"api_key": "whsec_x", "timeout_seconds": 56}}'),
    ("GATEWAYS", '{"stripe/default": {"api_key": "whsec_x", "rate_per_second": 0}}'),
    ("GATEWAYS", '{"stripe/default": "whsec_x"}'),
    ("GATEWAYS", '{"worldpay/default": {"api_key": "whsec_x"}}'),
    ("GATEWAYS", '{"Stripe": {"kind": "stripe", "api_key": "whsec_x"}}'),
    ("MERCHANT_OWNERS", '{"merchant/default": {"token": "whsec_x"}}'),
    ("COEXISTENCE", '{"stripe/*": "ignore"}'),
    ("API_TOKENS", '{"alice": "short"}'),
    ("API_TOKENS", json.dumps({"alice": LONG, "bob": LONG})),
    ("WEBHOOK_SECRETS", '{"stripe/default": "whsec_not_a_list"}'),
    ("MERCHANT", '{"name": "Acme", "colour": "red"}'),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_is_wrong_names_the_setting_and_repeats_no_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RECOUP_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    errors: list[Any] = caught.value.errors(include_input=False)
    assert {error["loc"][0] for error in errors} == {name.lower()}
    assert not re.search(rf"whsec|{LONG}|short\"", str([error["msg"] for error in errors]))


STRIPE = json.dumps({"stripe/default": {"api_key": "sk_of_ours"}})
UNKNOWN: list[tuple[dict[str, str], str]] = [
    (
        {"OWNERS": '{"stripe/*": "somebody"}'},
        "owners: stripe/* names 'somebody', which is not set up; there are: sandbox",
    ),
    (
        {"GATEWAYS": STRIPE, "OWNERS": '{"*/*": "stripe/eu"}'},
        "owners: */* names 'stripe/eu', which is not set up; there are: sandbox, stripe/default",
    ),
    (
        {"MERCHANT_OWNERS": '{"own/one": {"base_url": "http://x", "token": "t"}}', "OWNERS": '{"*/*": "own/two"}'},
        "owners: */* names 'own/two', which is not set up; there are: own/one, sandbox",
    ),
    (
        {"GATEWAYS": STRIPE, "ROUTES": '{"stripe/default": ["stripe/default", "adyen/default"]}'},
        "routes: stripe/default names 'adyen/default', which is not set up; there are: sandbox, stripe/default",
    ),
    (
        {"MERCHANT_OWNERS": '{"own/one": {"base_url": "http://x", "token": "t"}}', "ROUTES": '{"*/*": ["own/one"]}'},
        "routes: */* names 'own/one', which is not set up; there are: sandbox",
    ),
]


@pytest.mark.parametrize(("environment", "sentence"), UNKNOWN)
def test_a_name_that_is_not_set_up_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"RECOUP_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert sentence in caught.value.errors(include_input=False)[0]["msg"]


def test_an_account_is_of_the_kind_its_name_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_GATEWAYS", STRIPE)
    settings = Settings()
    assert {name: account.kind for name, account in settings.gateway_accounts().items()} == {
        "sandbox": "sandbox",
        "stripe/default": "stripe",
    }
    monkeypatch.setenv("RECOUP_OWNERS", '{"*/*": "stripe/default"}')
    assert set(Settings().gateway_accounts()) == {"stripe/default"}


def test_the_worked_example_of_the_page_on_gateways_can_come_true(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "gateways" / "README.md").read_text()
    (example,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for name, value in re.findall(r"^(RECOUP_\w+)='(.*?)'$", example, re.DOTALL | re.MULTILINE):
        monkeypatch.setenv(name, value)
    settings = Settings()
    routes, case = routes_of(settings), CaseRef(source="adyen", account="default", invoice_id="inv_1")
    assert routes.owner_of("adyen", "default") == "merchant/billing"
    assert routes.route_of(case) == ("adyen/default", "braintree/default")
    assert routes.coexistence_at(case) == "replace"
    assert set(settings.gateway_accounts()) == {"adyen/default", "braintree/default"}
    assert settings.places_that_send() == [("adyen", "default"), ("braintree", "default")]


@pytest.mark.parametrize(
    "name",
    ["API_TOKENS", "WEBHOOK_SECRETS", "OWNERS", "POLICIES", "GATEWAYS", "ROUTES", "MERCHANT_OWNERS", "COEXISTENCE"],
)
def test_what_should_be_json_and_is_not_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"RECOUP_{name}", "alice=secret-value")
    with pytest.raises(SettingsError, match=name.lower()) as caught:
        Settings()
    assert "secret-value" not in f"{caught.value} {caught.value.__cause__}"


KEYS = ("sk_secret", "adyen-secret", "bt-secret", "pp-secret", "gc-secret")
ACCOUNTS = {
    "stripe/default": {"api_key": "sk_secret"},
    "adyen/default": {"api_key": "adyen-secret", "merchant_account": "Shop"},
    "braintree/default": {"merchant_id": "m", "public_key": "p", "private_key": "bt-secret"},
    "paypal/default": {"client_id": "c", "client_secret": "pp-secret"},
    "gocardless/default": {"access_token": "gc-secret"},
}


def test_neither_text_nor_repr_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_DATABASE_URL", "postgresql://recoup:the-password@db/recoup")
    monkeypatch.setenv("RECOUP_API_TOKENS", json.dumps({"alice": LONG}))
    monkeypatch.setenv("RECOUP_WEBHOOK_SECRETS", json.dumps({"stripe/default": ["whsec_secret"]}))
    monkeypatch.setenv("RECOUP_TEMPORAL_API_KEY", "temporal-key")
    monkeypatch.setenv("RECOUP_GATEWAYS", json.dumps(ACCOUNTS))
    monkeypatch.setenv("RECOUP_MERCHANT_OWNERS", '{"own/one": {"base_url": "http://x", "token": "token-of-the-owner"}}')
    settings = Settings()
    for shown in (str(settings), repr(settings), settings.model_dump_json()):
        for secret in ("the-password", LONG, "whsec_secret", "temporal-key", *KEYS, "token-of-the-owner"):
            assert secret not in shown

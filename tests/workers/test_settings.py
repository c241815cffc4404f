"""Settings by environment: what is wrong is refused by name, what is secret is never shown."""

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from workers.settings import Settings
from workers.wiring import read_policies

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
    ("OWNERS", '{"stripe/*": "somebody"}'),
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


@pytest.mark.parametrize("name", ["API_TOKENS", "WEBHOOK_SECRETS", "OWNERS", "POLICIES"])
def test_what_should_be_json_and_is_not_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"RECOUP_{name}", "alice=secret-value")
    with pytest.raises(SettingsError, match=name.lower()) as caught:
        Settings()
    assert "secret-value" not in f"{caught.value} {caught.value.__cause__}"


def test_neither_text_nor_repr_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_DATABASE_URL", "postgresql://recoup:the-password@db/recoup")
    monkeypatch.setenv("RECOUP_API_TOKENS", json.dumps({"alice": LONG}))
    monkeypatch.setenv("RECOUP_WEBHOOK_SECRETS", json.dumps({"stripe/default": ["whsec_secret"]}))
    monkeypatch.setenv("RECOUP_TEMPORAL_API_KEY", "temporal-key")
    settings = Settings()
    for shown in (str(settings), repr(settings), settings.model_dump_json()):
        for secret in ("the-password", LONG, "whsec_secret", "temporal-key"):
            assert secret not in shown

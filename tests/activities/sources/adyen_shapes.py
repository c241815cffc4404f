"""Adyen's events as our fixtures have them, changed and signed as a test needs them."""

import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from Adyen.util import generate_notification_sig, generate_payload_sig

from activities.sources.adyen import AdyenSpeaker
from activities.sources.contract import Addressed, Rejected, Verified
from tests.activities.sources.speaking import NOW

SPEAKER = AdyenSpeaker()
KEY = "3A" * 31 + "7F"
OTHER_KEY = "5C" * 32
FIXTURES = Path(__file__).parent / "fixtures" / "adyen"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}
STANDARD = [name for name, event in SHAPES.items() if "eventCode" in event]


def shape(name: str, code: str | None = None, extra: Any = None, **fields: Any) -> Any:
    """A fixture with another event code or other fields; `extra` goes into `additionalData`, `...` removes a field."""
    event = deepcopy(SHAPES[name])
    event |= {"eventCode": code} if code else {}
    within = event.get("additionalData", {}) | (extra or {})
    event = {**event, "additionalData": {key: value for key, value in within.items() if value is not ...}, **fields}
    return {key: value for key, value in event.items() if value is not ...}


def signed(event: Any, key: str = KEY) -> Any:
    """With the signature that Adyen's own library gives it."""
    bare = {name: value for name, value in event.items() if name != "additionalData"}
    signature = generate_notification_sig(bare, key).decode()
    return {**event, "additionalData": {**event.get("additionalData", {}), "hmacSignature": signature}}


def batch(*events: Any) -> bytes:
    wrapped = [{"NotificationRequestItem": event} for event in events]
    return json.dumps({"live": "false", "notificationItems": wrapped}, indent=1).encode()


def verify(body: bytes, *keys: str, headers: Any = None) -> Any:
    return SPEAKER.verify(headers or {}, body, keys or (KEY,), NOW)


def reason(answer: Verified | Rejected) -> str:
    assert isinstance(answer, Rejected)
    return answer.reason


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def fact(event: Any) -> Any:
    answer = normalise(event)
    assert isinstance(answer, Addressed), answer
    return answer.event


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


BATCH = batch(*(signed(SHAPES[name]) for name in STANDARD))
TOKEN = json.dumps(SHAPES["token_disabled"]).encode()
TOKEN_HEADERS = {"HmacSignature": generate_payload_sig(TOKEN, KEY).decode(), "Protocol": "HmacSHA256"}

"""Events in Stripe's shape, for the tests of its speaker. The fixtures are ours, shaped after its published objects."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.sources.contract import Addressed, Speaker
from activities.sources.stripe import StripeSpeaker

SPEAKER: Speaker = StripeSpeaker()
FIXTURES = Path(__file__).parent / "fixtures" / "stripe"
SHAPES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))}

SIGNED_AT = 1764547200
NOW = datetime.fromtimestamp(SIGNED_AT, UTC)
CARD = "4242424242424242"


def normalise(event: Any) -> Any:
    return SPEAKER.normalise(json.dumps(event).encode(), "row-1")


def shape(name: str, kind: str | None = None, before: object = ..., /, **fields: object) -> Any:
    """A fixture with another type, another `previous_attributes` or other fields of its object; `...` removes a
    field."""
    event = deepcopy(SHAPES[name])
    event["type"] = kind or event["type"]
    if before is not ...:
        event["data"]["previous_attributes"] = before
    for key, value in fields.items():
        event["data"]["object"].pop(key, None)
        if value is not ...:
            event["data"]["object"][key] = value
    return event


def fact(event: Any) -> Any:
    answer = normalise(event)
    assert isinstance(answer, Addressed), answer
    return answer.event

"""What every Speaker promises, and the recorded payloads of the reference folder.

A source's test module subclasses SpeakerContract and says which deliveries are genuine:

    class TestAdyen(SpeakerContract):
        speaker = AdyenSpeaker()
        genuine = (Delivery(headers={...}, body=b"...", secrets=("...",)), ...)
"""

import csv
import json
import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.sources.contract import Addressed, Malformed, Rejected, Speaker, Unproven, Verified
from policies.events import Ignored, Unreadable

FUZZ_EXAMPLES = int(os.environ.get("RECOUP_FUZZ_EXAMPLES", "300"))
"""Mutated payloads per source; the long run sets 10000."""

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    """One genuine delivery, and what its receiver knows. `now`: its receiver's clock."""

    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]
    now: datetime = NOW
    is_form: bool = field(default=False)


class SpeakerContract:
    speaker: Speaker
    genuine: tuple[Delivery, ...]

    def test_what_is_genuine_is_verified(self) -> None:
        for one in self.genuine:
            assert isinstance(self._verdict(one), Verified), self._verdict(one)

    def test_another_secret_does_not_verify_it(self) -> None:
        for one in self.genuine:
            wrong = tuple(self.another(secret) for secret in one.secrets)
            assert isinstance(self.speaker.verify(one.headers, one.body, wrong, one.now), Rejected)

    def another(self, secret: str) -> str:
        """A secret of the same form that is not this one."""
        return secret[:-1] + ("0" if secret[-1] != "0" else "1")

    def test_while_a_secret_is_changed_either_verifies(self) -> None:
        for one in self.genuine:
            both = (*(self.another(secret) for secret in one.secrets), *one.secrets)
            assert isinstance(self.speaker.verify(one.headers, one.body, both, one.now), Verified)

    def test_without_a_secret_nothing_verifies(self) -> None:
        for one in self.genuine:
            for nothing in ((), ("",), ("  ",)):
                assert isinstance(self.speaker.verify(one.headers, one.body, nothing, one.now), Rejected)

    def test_without_its_headers_nothing_verifies(self) -> None:
        for one in self.genuine:
            if one.headers:
                assert isinstance(self.speaker.verify({}, one.body, one.secrets, one.now), Rejected)

    def test_the_headers_that_are_read_are_kept(self) -> None:
        for one in self.genuine:
            kept = {name: value for name, value in one.headers.items() if name.lower() in self.speaker.kept_headers}
            assert isinstance(self.speaker.verify(kept, one.body, one.secrets, one.now), Verified)

    def test_a_genuine_delivery_is_split_into_items_that_are_read(self) -> None:
        for one in self.genuine:
            items = self.speaker.split(one.body)
            assert isinstance(items, tuple), items
            assert items
            for item in items:
                self.never_raises(item.body)

    def test_no_secret_is_told(self) -> None:
        for one in self.genuine:
            for wrong in (one.body + b" ", b"", b"{}"):
                verdict = self.speaker.verify(one.headers, wrong, one.secrets, one.now)
                assert not any(secret in str(verdict) for secret in one.secrets)

    @settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_no_damage_makes_it_raise(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.genuine))
        seed = data.draw(st.integers(0, 2**32))
        body = damaged(one.body, random.Random(seed))
        headers = dict(one.headers)
        if headers and data.draw(st.booleans()):
            headers[data.draw(st.sampled_from(sorted(headers)))] = data.draw(st.text(max_size=60))
        verdict = self.speaker.verify(headers, body, one.secrets, one.now)
        assert isinstance(verdict, Verified | Rejected | Unproven)
        items = self.speaker.split(body)
        assert isinstance(items, tuple | Malformed)
        for item in items if isinstance(items, tuple) else ():
            assert self.speaker.split(item.body) == (item,), "an item is a delivery of one"
            self.never_raises(item.body)
        self.never_raises(body)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        body=st.one_of(
            st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
        ),
        headers=st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=4),
        secrets=st.lists(st.text(max_size=20), max_size=3),
    )
    def test_whatever_strangers_send_nothing_is_raised_and_nothing_is_verified(
        self, body: bytes, headers: dict[str, str], secrets: list[str]
    ) -> None:
        for name in self.speaker.kept_headers:
            headers.setdefault(name, "t=1,v1=0")
        assert not isinstance(self.speaker.verify(headers, body, secrets, NOW), Verified)
        assert isinstance(self.speaker.split(body), tuple | Malformed)
        self.never_raises(body)

    def never_raises(self, body: bytes) -> None:
        answer = self.speaker.normalise(body, "row-1")
        assert isinstance(answer, Addressed | Ignored | Unreadable)
        # What cannot be written down as UTF-8 cannot be stored or sent to Temporal.
        answer.model_dump_json().encode()

    def _verdict(self, one: Delivery) -> Verified | Rejected | Unproven:
        return self.speaker.verify(one.headers, one.body, one.secrets, one.now)


def damaged(body: bytes, chance: random.Random) -> bytes:
    """JSON loses, doubles or swaps values, XML texts; everything else loses or changes bytes."""
    try:
        value = json.loads(body)
    except ValueError:
        is_xml = body.lstrip().startswith(b"<")
        return _other_texts(body, chance) if is_xml and chance.random() < 0.7 else _other_bytes(body, chance)
    if chance.random() < 0.2:
        return _other_bytes(body, chance)
    for _ in range(chance.randint(1, 3)):
        value = _other_value(value, chance)
    return json.dumps(value).encode()


ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**400, 1.5, "", " ", "\x00", "\ud800", "usd", "EUR", "4111111111111111", "1e999", "NaN"),
    *([], {}, [[]], {"id": {}}, [None], "x" * 5000, "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("1e999999", "1_000", "１２.00"),
)


def _other_value(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        if chance.random() < 0.7:
            return {**value, name: _other_value(value[name], chance)}
        return {key: inner for key, inner in value.items() if key != name}
    if isinstance(value, list) and value:
        place = chance.randrange(len(value))
        return [*value[:place], _other_value(value[place], chance), *value[place:][1 if chance.random() < 0.9 else 0 :]]
    return chance.choice(ODD)


def _other_texts(xml: bytes, chance: random.Random) -> bytes:
    """Still well-formed, mostly."""
    for _ in range(chance.randint(1, 3)):
        begin, end = chance.choice([found.span(1) for found in re.finditer(rb">([^<>]*)</", xml)] or [(0, 0)])
        text = str(chance.choice(ODD))[:6000].encode("utf-8", "surrogatepass")
        xml = xml[:begin] + text.replace(b"<", b"&lt;") + xml[end:]
    return xml


def _other_bytes(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        if changed:
            place = chance.randrange(len(changed))
            match chance.randrange(3):
                case 0:
                    changed[place] = chance.randrange(256)
                case 1:
                    del changed[place : place + chance.randint(1, 40)]
                case _:
                    changed[place:place] = chance.choice([b"<", b"&", b"%", b"\x00", b"=", b"9" * 30, b"&amp;", b"]]>"])
    return bytes(changed)


# --- what others recorded ---------------------------------------------------------------------------------------------


def reference_data() -> Path:
    folder = os.environ.get("RECOUP_REFERENCE_DATA")
    if not folder:
        pytest.skip("RECOUP_REFERENCE_DATA names no folder of recorded payloads")
    return Path(folder)


def recorded(gateway: str, *kinds: str, tier: str | None = None) -> dict[str, bytes]:
    """Recorded payloads by name, without the ending; no kinds: all of them."""
    folder = reference_data() / "payloads"
    with (folder / "INDEX.csv").open(encoding="utf-8", newline="") as index:
        rows = [row for row in csv.DictReader(index) if row["gateway"] == gateway]
    wanted = [row for row in rows if (not kinds or row["kind"] in kinds) and tier in (None, row["tier"])]
    return {Path(row["file"]).stem: (folder / row["file"]).read_bytes() for row in wanted}


def vectors(*schemes: str) -> list[dict[str, Any]]:
    """Published signature vectors, as they stand in the file; some bodies are objects, the signed item itself."""
    all_of_them = json.loads((reference_data() / "payloads" / "vectors.json").read_bytes())
    return [vector for vector in all_of_them if vector["scheme"] in schemes]


def one_byte_changed(body: bytes) -> list[bytes]:
    return [body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :] for place in range(len(body))]

"""Mappings made up for tests, from the worked example of the docs or from parts."""

from pathlib import Path
from typing import Any

from activities.sources.contract import Addressed
from activities.sources.mapped.load import MappingError, load_mapping
from activities.sources.mapped.speaker import MappedSpeaker

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "mapping"
PAYBASE = (EXAMPLE / "paybase.yaml").read_text(encoding="utf-8")
SAMPLES = sorted((EXAMPLE / "samples").glob("*.json"))

SIGNED = "{scheme: shared_token, header: X-Token}"

RULES = """
  - when: type == 'failed'
    kind: payment_failed
    fields: {happened_at: at, invoice_id: invoice}
"""


def mapping(rules: str = RULES, top: str = "", signature: str = SIGNED) -> str:
    return f"source: made\nversion: 1\nsignature: {signature}\n{top}\nrules:\n{rules.strip(chr(10))}\n"


def rule(fields: str, kind: str = "payment_failed", when: str = "type") -> str:
    """One rule, whose fields are written in one line."""
    return f"  - when: {when}\n    kind: {kind}\n    fields: {{{fields}}}\n"


def speaker(text: str) -> MappedSpeaker:
    return MappedSpeaker(load_mapping(text, "made.yaml"))


def fact(made: MappedSpeaker, body: bytes) -> Any:
    said = made.normalise(body, "row-1")
    assert isinstance(said, Addressed), said
    return said.event


def complaints(text: str) -> list[str]:
    """Without the name of the file."""
    try:
        load_mapping(text, "made.yaml")
    except MappingError as error:
        return [str(finding).removeprefix("made.yaml:") for finding in error.findings]
    return []

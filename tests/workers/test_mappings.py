"""Mappings that are set up: they join our own sources, and `recoup doctor` says whether they are right."""

from pathlib import Path

import pytest

from activities.sources.mapped.load import MappingError
from activities.sources.mapped.speaker import MappedSpeaker
from tests.activities.sources.mapped.made import EXAMPLE, PAYBASE
from workers.doctor import _mappings
from workers.finding import Finding
from workers.settings import Settings
from workers.wiring import SPEAKERS, speakers_of

MAPPING = EXAMPLE / "paybase.yaml"


CARRIERS = {"sendgrid", "twilio"}
"""They tell of our messages, not of payments."""


def settings(*paths: Path, **changes: object) -> Settings:
    return Settings.model_validate({"mappings": list(paths), **changes})


async def found(*paths: Path, **changes: object) -> Finding | None:
    findings = await _mappings(settings(*paths, **changes))
    return findings[0] if findings else None


def test_mapped_sources_join_our_own() -> None:
    assert set(speakers_of(settings())) == {*SPEAKERS, *CARRIERS}
    speakers = speakers_of(settings(MAPPING))
    assert set(speakers) == {*SPEAKERS, *CARRIERS, "paybase"}
    assert isinstance(speakers["paybase"], MappedSpeaker)
    assert speakers["stripe"] is SPEAKERS["stripe"]


def test_a_mapping_may_not_take_the_name_of_a_source_of_our_own_or_of_another(tmp_path: Path) -> None:
    path = tmp_path / "taken.yaml"
    path.write_text(PAYBASE.replace("source: paybase", "source: stripe"))
    with pytest.raises(MappingError, match=r"taken\.yaml:2:1: source: stripe is a source of our own"):
        speakers_of(settings(path))
    with pytest.raises(MappingError, match="two mappings are for paybase"):
        speakers_of(settings(MAPPING, MAPPING))


async def test_the_doctor_names_mappings_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    assert await found() is None
    well = await found(MAPPING, webhook_secrets={"paybase/eu": ["secret"]})
    assert well == Finding(what="mappings", status="ok", says="mapping paybase@1")
    silent = await found(MAPPING)
    assert silent is not None
    assert (silent.status, silent.says) == ("warning", "cannot send: paybase")
    assert "RECOUP_WEBHOOK_SECRETS" in silent.way_out
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(b"source: \xff")
    for path, says in ((wrong, "wrong.yaml:1:9: "), (tmp_path / "none.yaml", "none.yaml")):
        finding = await found(path)
        assert finding is not None
        assert finding.status == "failed"
        assert says in finding.says
        assert "recoup intake lint" in finding.way_out

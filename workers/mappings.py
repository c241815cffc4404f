"""Mappings from files: sources that need no code."""

from collections.abc import Container, Sequence
from pathlib import Path

from activities.sources.mapped.load import MappingError, PlacedMapping, load_placed
from activities.sources.mapped.speaker import MappedSpeaker
from policies.findings import Finding, PlacedFinding


def read_mapping(path: Path) -> PlacedMapping:
    """Raises MappingError with file, line and what to do, or OSError."""
    return load_placed(path.read_bytes(), str(path))


def mapped_speakers(paths: Sequence[Path], built_in: Container[str]) -> dict[str, MappedSpeaker]:
    """By the name of their source, which none may share. Raises like `read_mapping`, with all that is wrong."""
    speakers: dict[str, MappedSpeaker] = {}
    found: list[PlacedFinding] = []
    for path in paths:
        try:
            document, text = read_mapping(path)
        except MappingError as error:
            found += error.findings
            continue
        if document.source in built_in:
            says = f"{document.source} is a source of our own; give this one another name"
            found.append(text.at(Finding(("source",), says)))
        if document.source in speakers:
            says = f"two mappings are for {document.source}; give one another name, or leave it out"
            found.append(text.at(Finding(("source",), says)))
        speakers[document.source] = MappedSpeaker(document)
    if found:
        raise MappingError(found)
    return speakers

"""All messages of a language on one page, as a customer would get them: mails in a frame, short texts beside them."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from babel import Locale
from jinja2 import Environment, StrictUndefined

from activities.channels.render import LANGUAGES, Rendered, Renderer
from activities.channels.sms_segments import segments
from policies.document import STAGES
from workers.message_tools.example import IN_ORDER, reader_of, words_of
from workers.mistakes import Mistake

SHORT = ("sms", "push", "in_app")


class UnknownLanguage(Mistake, ValueError):
    """There are no words in it."""


class Short(NamedTuple):
    channel: str
    text: str
    note: str


class Shown(NamedTuple):
    template: str
    stage: str
    mail: Rendered
    short: Sequence[Short]


def gallery_page(renderer: Renderer, language: str, others: int = 1) -> str:
    """Raises UnknownLanguage."""
    if language not in LANGUAGES:
        raise UnknownLanguage(f"there are no words in {language[:20]!r}; there are: {', '.join(LANGUAGES)}")
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string((resources.files(__package__) / "gallery.html.j2").read_text(encoding="utf-8"))
    names = {code: (Locale.parse(code).get_display_name("en") or code) for code in LANGUAGES}
    shown = [_shown(renderer, name, language, others) for name in IN_ORDER]
    return template.render(language=language, direction=Locale.parse(language).text_direction, names=names, shown=shown)


def write_gallery(renderer: Renderer, folder: Path) -> list[Path]:
    """One page per language; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for language in LANGUAGES:
        path = folder / f"{language}.html"
        path.write_text(gallery_page(renderer, language), encoding="utf-8")
        pages.append(path)
    return pages


def _shown(renderer: Renderer, name: str, language: str, others: int) -> Shown:
    words, reader = (
        words_of(language, others if STAGES[name] in ("notice", "reminder", "warning") else 0),
        reader_of(language),
    )
    mail = renderer.render(name, "email", words, reader)
    if name == "handover":
        return Shown(name, STAGES[name], mail, ())
    short = [Short(channel, renderer.render(name, channel, words, reader).text, "") for channel in SHORT]
    return Shown(name, STAGES[name], mail, [_noted(each) for each in short])


def _noted(short: Short) -> Short:
    if short.channel != "sms":
        return short._replace(note=f"{len(short.text)} characters")
    counted = segments(short.text)
    return short._replace(note=f"{counted.count} of {counted.encoding}, {counted.units} units")

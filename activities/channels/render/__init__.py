"""The words a customer reads: a template, the facts of `Words`, and the person's own language, money and dates.

Decides nothing; what may be said stands in `policies/words.py`. To add a template: its name in
`policies.document.STAGES`, `templates/<name>.txt.j2`, `.push.j2`, and `.sms.j2` or `.in_app.j2` where shorter is
better; then `python -m activities.channels.extract` and a translation in every language. A trial's other wording is
`<name>.<wording>.txt.j2` and so on.

Text and HTML are made from the same template. Its lines flow into paragraphs; a line that starts with `- ` stays a line
of its own; a paragraph that is only the link becomes a button. `{% endtrans +%}` keeps the line break after it.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from activities.channels.catalogs import LANGUAGES, CatalogBroken, Translation
from activities.channels.render.formats import Voice, voice_of
from activities.channels.render.library import FRAME, SHIPPED, TemplatesBroken
from activities.channels.render.page import Parts, page
from activities.channels.render.people import Merchant, Person, Rendered
from activities.channels.render.sms import as_text_message, fits, shortened
from activities.channels.render.told import link_of, told
from activities.channels.render.trial import tried
from policies.channels import CHANNELS
from policies.document import TEMPLATES
from policies.steps import Words

__all__ = ["LANGUAGES", "SHIPPED", "CatalogBroken", "Merchant", "Person", "Rendered", "Renderer", "TemplatesBroken"]

PUSH_SUBJECT_MAX, PUSH_TEXT_MAX = 50, 120
"""Characters that a lock screen shows."""


class Renderer:
    """Raises TemplatesBroken or CatalogBroken when a template or a translation cannot be used; so no message can fail
    for that later. `folders`: a merchant's own templates and translations come after the shipped ones and win."""

    def __init__(
        self, merchant: Merchant, folders: Sequence[Path] = (SHIPPED,), languages: Sequence[str] = LANGUAGES
    ) -> None:
        self._merchant = merchant
        self._library = tried(tuple(folders), tuple(languages))
        self._voice = lru_cache(1024)(lambda name: voice_of(name, self._library.translations))

    def has_wording(self, template: str, wording: str) -> bool:
        """Whether a trial may name this wording; ask before a policy that names it is accepted."""
        return self._library.has_wording(template, wording)

    def translation(self, locale: str) -> Translation:
        """The sentences that a person with this locale reads."""
        return voice_of(locale, self._library.translations).translation

    def link_of(self, person: Person) -> str:
        return link_of(person, self._merchant)

    def render(self, template: str, channel: str, words: Words, person: Person, wording: str | None = None) -> Rendered:
        """`template` is one of TEMPLATES, `channel` one of CHANNELS. Raises ValueError for anything else, and for a
        wording that does not exist."""
        if template not in TEMPLATES or channel not in CHANNELS:
            raise ValueError(f"there is no template {template!r} for channel {channel!r}")
        if wording is not None and not self.has_wording(template, wording):
            raise ValueError(f"there is no wording {wording!r} of template {template!r}")
        voice: Voice = self._voice(person.locale)
        facts = told(template, channel, words, person, self._merchant, voice)
        subject, text, html, used = self._written(template, channel, wording, facts, voice)
        return Rendered(
            subject=subject,
            text=text,
            html=html,
            locale=str(voice.locale),
            direction=voice.direction,
            fell_back=voice.fell_back,
            edition=self._library.edition(used, voice.translation.language),
        )

    def _written(
        self, template: str, channel: str, wording: str | None, facts: dict[str, Any], voice: Voice
    ) -> tuple[str, str, str | None, tuple[str, ...]]:
        """Subject, text, HTML, and the templates that they were made from."""
        letter = self._named(template, wording, "txt") or f"{template}.txt.j2"
        subject, body = self._letter(letter, facts)
        short = self._named(template, wording, channel)
        if channel == "email":
            parts = self._parts(template, subject, body, facts)
            html = page(self._library[FRAME], parts, self._merchant, voice)
            used = (letter, FRAME, "_footer.txt.j2", "_button.txt.j2", *self._preview_of(template))
            return subject, "\n\n".join(filter(None, (body, parts.footer))), html, used
        if channel == "webhook":
            return subject, body, None, (letter,)
        if channel == "push":
            text = self._flowing(short, facts) if short else ""
            return self._merchant.name[:PUSH_SUBJECT_MAX].strip(), text, None, (short or letter,)
        if channel == "sms":
            text = self._in_few_parts(short, facts) if short else self._as_sms(body.split("\n\n")[0], facts)
            return subject, text, None, (letter, short or "_first_paragraph.sms.j2")
        text = self._flowing(short, facts) if short else body.split("\n\n")[0]
        return subject, text, None, (letter, short or letter)

    def _named(self, template: str, wording: str | None, kind: str) -> str | None:
        names = ([f"{template}.{wording}.{kind}.j2"] if wording else []) + [f"{template}.{kind}.j2"]
        return next((name for name in names if self._library.get(name)), None)

    def _preview_of(self, template: str) -> tuple[str, ...]:
        return (f"{template}.push.j2",) if self._library.get(f"{template}.push.j2") else ()

    def _letter(self, name: str, facts: dict[str, Any]) -> tuple[str, str]:
        first, _, rest = self._library[name].render(facts).partition("\n")
        return " ".join(first.removeprefix("Subject:").split()), flow(rest)

    def _parts(self, template: str, subject: str, body: str, facts: dict[str, Any]) -> Parts:
        # A list of mails is read over shoulders, too: the preview says no more than a lock screen may.
        return Parts(
            subject=subject,
            paragraphs=body,
            footer=self._flowing("_footer.txt.j2", facts),
            preview=" ".join(self._flowing(name, facts) for name in self._preview_of(template)),
            button=self._flowing("_button.txt.j2", facts),
            link=facts["link"],
            preferences_url=facts["preferences_url"],
        )

    def _flowing(self, name: str, facts: dict[str, Any]) -> str:
        return flow(self._library[name].render(facts))

    def _as_sms(self, paragraph: str, facts: dict[str, Any]) -> str:
        """The first paragraph in the frame of a text message: who speaks, and how to stop it."""
        frame = "_first_paragraph.sms.j2"
        words = shortened(" ".join(paragraph.split()), self._flowing(frame, facts))
        return as_text_message(self._flowing(frame, {**facts, "first_paragraph": words}))

    def _in_few_parts(self, name: str, facts: dict[str, Any]) -> str:
        """Without what can be read on the page, when it would be too long with it: first the number of other open
        invoices, then the day of the next attempt."""
        text = as_text_message(self._flowing(name, facts))
        shorter = {**facts, "others": []}
        for said in (shorter, {**shorter, "next_attempt_on": ""}):
            if fits(text):
                break
            text = as_text_message(self._flowing(name, said))
        return text


def flow(text: str) -> str:
    """Lines become paragraphs; a list keeps its lines; one blank line between paragraphs, none around.
    No space follows the full stop of Japanese, which is as wide as a letter; a date that ends in a full stop ends its
    sentence as well."""
    text = re.sub(r"(?<!\.)\.\.(?!\.)", ".", text)
    paragraphs = (re.sub(r"[ \t]*\n[ \t]*(?!- )", " ", part.strip()) for part in re.split(r"\n\s*\n", text))
    return "\n\n".join(re.sub("(?<=。) +| +(?= )", "", paragraph) for paragraph in paragraphs if paragraph)

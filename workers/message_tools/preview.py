"""One message, as it would be sent: text, HTML, how long it is, and a picture where Chromium is at hand."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from activities.channels.render import Rendered, Renderer
from activities.channels.sms_segments import segments
from policies.channels import CHANNELS
from policies.document import TEMPLATES
from policies.nearest_word import suggestion
from workers.message_tools.example import reader_of, words_of
from workers.mistakes import Mistake
from workers.settings import Settings
from workers.wiring import make_renderer

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PICTURE_SECONDS = 60
QUIET = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync".split()


class NoSuchMessage(Mistake):
    """Nothing is called so."""


class NoPicture(Mistake):
    """A picture was asked for and cannot be made."""


class Ask(NamedTuple):
    """`others`: how many other invoices of the reader are open."""

    template: str
    locale: str = "en"
    channel: str = "email"
    wording: str | None = None
    others: int = 0


def shown(settings: Settings, ask: Ask, in_json: bool, html: Path | None = None, png: Path | None = None) -> str:
    """Raises NoSuchMessage or NoPicture."""
    rendered = previewed(make_renderer(settings), ask)
    if (html or png) and rendered.html is None:
        raise NoPicture(f"{ask.channel} has no HTML; ask for the channel email")
    if html and rendered.html:
        html.write_text(rendered.html, encoding="utf-8")
    if png and rendered.html:
        picture(rendered.html, png)
    return as_json(rendered, ask.channel) if in_json else as_text(rendered, ask.channel)


def previewed(renderer: Renderer, ask: Ask) -> Rendered:
    """Raises NoSuchMessage."""
    for what, given, known in (("template", ask.template, sorted(TEMPLATES)), ("channel", ask.channel, CHANNELS)):
        if given not in known:
            raise NoSuchMessage(f"there is no {what} {given[:40]!r}{suggestion(given, known)}")
    if ask.wording and not renderer.has_wording(ask.template, ask.wording):
        raise NoSuchMessage(f"{ask.template} has no wording {ask.wording[:40]!r}")
    words, reader = words_of(ask.locale, ask.others), reader_of(ask.locale)
    return renderer.render(ask.template, ask.channel, words, reader, ask.wording)


def as_text(rendered: Rendered, channel: str) -> str:
    lines = [f"Subject: {rendered.subject}", f"Words: {rendered.locale}, edition {rendered.edition}"]
    if rendered.fell_back:
        lines.append("There are no words in this language: English is sent instead.")
    if channel == "sms":
        counted = segments(rendered.text)
        lines.append(f"Length: {counted.count} segments ({counted.encoding}, {counted.units} units)")
    return "\n".join([*lines, "", rendered.text])


def as_json(rendered: Rendered, channel: str) -> str:
    told = rendered.model_dump(mode="json")
    if channel == "sms":
        told["segments"] = segments(rendered.text).model_dump()
    return json.dumps(told, indent=2, ensure_ascii=False)


def picture(html: str, path: Path, width: int = 640, height: int = 1100) -> None:
    """A PNG of the mail at `path`. Raises NoPicture."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise NoPicture(f"no browser is installed; a picture needs one of: {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory(prefix="preview-", ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "mail.html"
        page.write_text(html, encoding="utf-8")
        command = [browser, *QUIET, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
        command += ["--hide-scrollbars", f"--screenshot={path.resolve()}", page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PICTURE_SECONDS, check=False)  # noqa: S603 - our own command
        except subprocess.TimeoutExpired:
            raise NoPicture(f"{browser} took longer than {PICTURE_SECONDS} s") from None
    if done.returncode != 0 or not path.exists():
        raise NoPicture(f"{browser} made no picture; it ended with {done.returncode}")

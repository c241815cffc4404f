"""`recoup messages preview`, `lint`, `gallery` and `vapid` as people meet them."""

import json
import shutil
from pathlib import Path

import html5lib
import pytest
from typer.testing import CliRunner, Result

from activities.channels.render import LANGUAGES
from activities.channels.web_push import public_key_of
from policies.document import TEMPLATES
from workers.cli import app
from workers.message_tools.example import IN_ORDER
from workers.message_tools.gallery import UnknownLanguage, gallery_page
from workers.settings import Settings
from workers.wiring import make_renderer


def messages(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ("messages", *arguments), env=environment)


def test_a_mail_is_shown_with_its_subject_and_the_edition_of_its_words() -> None:
    shown = messages("preview", "--template", "warning", "--others", "2")
    assert shown.exit_code == 0
    assert shown.output.startswith("Subject: Your open payment to Example Ltd")
    for fact in ("edition ", "INV-1042", "INV-1044", "$87.00", "https://example.com/preferences"):
        assert fact in shown.output


def test_a_text_message_is_shown_with_what_it_costs() -> None:
    told = json.loads(messages("preview", "--channel", "sms", "--json").output)
    assert told["segments"]["encoding"] == "gsm7"
    assert told["segments"]["count"] <= 3
    assert "STOP" in told["text"]


def test_a_language_that_is_not_there_falls_back_and_says_so() -> None:
    shown = messages("preview", "--locale", "sw")
    assert "There are no words in this language: English is sent instead." in shown.output


def test_what_does_not_exist_is_named_with_the_way_out() -> None:
    wrong = messages("preview", "--template", "reminders")
    assert (wrong.exit_code, wrong.stderr) == (2, "recoup: there is no template 'reminders'; did you mean reminder?\n")
    assert "there is no channel 'fax'" in messages("preview", "--channel", "fax").stderr
    assert "has no wording 'warm'" in messages("preview", "--wording", "warm").stderr
    assert "has no HTML" in messages("preview", "--channel", "sms", "--html", "x.html").stderr


def test_the_mail_is_written_as_html_and_as_a_picture(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on PATH; install it to see pictures")
    page, picture = tmp_path / "mail.html", tmp_path / "mail.png"
    shown = messages("preview", "--html", str(page), "--png", str(picture))
    assert shown.exit_code == 0, shown.stderr
    assert page.read_text().startswith("<!doctype html>")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_a_browser_it_is_said_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = messages("preview", "--png", str(tmp_path / "mail.png"))
    assert asked.exit_code == 2
    assert "no browser is installed" in asked.stderr


def test_all_shipped_words_can_be_said() -> None:
    assert messages("lint").output == f"{len(TEMPLATES)} templates in {len(LANGUAGES)} languages can be said\n"


def test_lint_names_a_template_of_ones_own_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    for folder in (tmp_path, tmp_path / "templates"):
        (folder / "reminder.txt.j2").write_text("Subject: x\n\n{{ nmae }}\n")
    wrong = messages("lint", RECOUP_TEMPLATES=json.dumps([str(tmp_path)]))
    assert wrong.exit_code == 2
    assert "nmae" in wrong.stderr


def test_lint_names_a_wording_that_a_policy_tries_and_nobody_wrote(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "name: p\nversion: 1\nretries: {ladder: [1d], maximum: 3}\nreinstatement: {conditions: [Pay.]}\n"
        "close: {after: 30d}\nmessages:\n  - name: first\n    after: 0h\n    template: reminder\n"
        "    channels: [email]\n"
        "    variants: [{name: b, share: 50, wording: warm}]\n"
    )
    wrong = messages("lint", RECOUP_POLICIES=json.dumps([str(policy)]))
    assert (wrong.exit_code, wrong.stderr) == (2, "recoup: policy p: variant b of first needs reminder.warm.txt.j2\n")


def test_the_gallery_shows_every_template_in_every_language(tmp_path: Path) -> None:
    assert messages("gallery", "--out", str(tmp_path)).exit_code == 0
    assert {page.stem for page in tmp_path.glob("*.html")} == set(LANGUAGES)
    for page in tmp_path.glob("*.html"):
        text = page.read_text()
        html5lib.HTMLParser(strict=True).parse(text)
        for template in IN_ORDER:
            assert f'id="{template}"' in text


def test_a_gallery_in_a_language_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownLanguage, match="there are no words in 'sw'"):
        gallery_page(make_renderer(Settings()), "sw")


def test_a_new_key_pair_for_push_belongs_together() -> None:
    lines = dict(line.rsplit("  ", 1) for line in messages("vapid").output.splitlines())
    private, public = lines["vapid_private_key"].strip(), lines["public key       "].strip()
    assert public_key_of(private) == public

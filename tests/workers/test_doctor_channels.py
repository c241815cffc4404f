"""What the doctor says of channels: who carries what, and each lack with its way out; never a secret."""

from pathlib import Path
from typing import Any

from workers.doctor_channels import examine_channels
from workers.settings import Settings

SENDGRID = {"provider": "sendgrid", "api_key": "SG.secret", "sender": "billing@shop.example"}
WHOLE = {
    "channels": {"email": SENDGRID},
    "webhook_secrets": {"sendgrid/default": ["MFkw"]},
    "link_keys": ["k" * 32],
    "public_url": "https://recoup.example",
    "address_key": "a-key-of-the-tests",
}


async def found(**changes: Any) -> list[tuple[str, str, str]]:
    findings = await examine_channels(Settings.model_validate(changes))
    assert "SG.secret" not in str(findings)
    for finding in findings:
        assert bool(finding.way_out) == (finding.status != "ok"), finding
    return [(finding.what, finding.status, finding.says) for finding in findings]


async def test_the_sandbox_lacks_nothing() -> None:
    words, channels = await found()
    assert words[:2] == ("words", "ok")
    assert channels == (
        "channels",
        "ok",
        "email by sandbox, sms by sandbox, push by sandbox, in_app by sandbox, webhook by sandbox",
    )


async def test_a_channel_that_is_set_up_whole_is_well() -> None:
    assert [status for _, status, _ in await found(**WHOLE)] == ["ok", "ok"]


async def test_each_lack_is_named() -> None:
    says = [text for _, status, text in await found(channels={"email": SENDGRID, "in_app": {"provider": "feed"}})]
    assert says[1:] == [
        "nobody can tell what becomes of a message: sendgrid has no secret",
        "mails carry no link to the preferences",
        "no browser can read the feed or register for push",
        "customers cannot reach http://127.0.0.1:8080",
        "addresses are hashed without a key, so that they could be guessed",
    ]


async def test_words_that_cannot_be_said_are_found(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "reminder.txt.j2").write_text("Subject: x\n\n{{ nmae }}\n")
    words, _ = await found(templates=[tmp_path])
    assert words[:2] == ("words", "failed")
    assert "nmae" in words[2]

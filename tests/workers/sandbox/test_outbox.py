from pathlib import Path

import pytest

from tests.fixtures.sandbox import Reply, RunningSandbox, day, running_sandbox

NASTY = "<script>alert('x')</script>\"'&"


async def send(sandbox: RunningSandbox, number: int = 1, channel: str = "email", **changes: str) -> Reply:
    message = {
        "key": f"mes_{number}",
        "case_id": "stripe/acct/in_1",
        "to": "ada@example.test",
        "subject": f"Letter {number}",
        "text": "Hello",
        **changes,
    }
    return await sandbox.post(f"/channels/{channel}/messages", message, at=day(number))


async def test_a_message_is_stored_once_per_key_and_channel(sandbox: RunningSandbox) -> None:
    first, again = await send(sandbox), await send(sandbox)
    by_text = await send(sandbox, channel="sms")
    assert first.body == again.body != by_text.body
    messages = (await sandbox.get("/outbox.json")).body["messages"]
    assert [m["channel"] for m in messages] == ["sms", "email"]
    assert messages[0]["at"] == day(1).isoformat()


async def test_typography_is_kept(sandbox: RunningSandbox) -> None:
    """Formatted money holds no-break spaces, and people write emoji."""
    subject = "29,00\u00a0€ – 1\u202f000 👩\u200d💻"
    assert (await send(sandbox, subject=subject)).status == 200
    assert (await sandbox.get("/outbox.json")).body["messages"][0]["subject"] == subject


async def test_an_address_that_bounces_is_refused_and_not_stored(sandbox: RunningSandbox) -> None:
    reply = await send(sandbox, to="Bounce+1@example.test")
    assert reply.status == 422
    assert (await sandbox.get("/outbox.json")).body["messages"] == []


async def test_the_page_shows_the_newest_first_and_filters_by_case(sandbox: RunningSandbox) -> None:
    await send(sandbox, 1)
    await send(sandbox, 2)
    await send(sandbox, 3, case_id="stripe/acct/in_2")
    everything = (await sandbox.get("/outbox")).text
    assert everything.index("Letter 3") < everything.index("Letter 2") < everything.index("Letter 1")
    filtered = (await sandbox.get("/outbox?case=stripe/acct/in_2")).text
    assert "Letter 3" in filtered
    assert "Letter 1" not in filtered
    listed = (await sandbox.get("/outbox.json?case=stripe/acct/in_1")).body["messages"]
    assert [m["subject"] for m in listed] == ["Letter 2", "Letter 1"]


async def test_nothing_that_was_written_becomes_markup(sandbox: RunningSandbox) -> None:
    await send(sandbox, to=NASTY, subject=NASTY, text=NASTY, case_id=NASTY)
    for path in ("/outbox", "/outbox?case=%3Cscript%3Ealert(%27x%27)%3C/script%3E%22%27%26"):
        text = (await sandbox.get(path)).text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


async def test_only_web_addresses_become_links_and_cannot_break_out(sandbox: RunningSandbox) -> None:
    text = "Pay: https://pay.example/p/1?a=1&b=2\njavascript:alert(1) https://x.example/\"onmouseover='alert(1)'"
    await send(sandbox, text=text)
    page = (await sandbox.get("/outbox")).text
    assert '<a href="https://pay.example/p/1?a=1&amp;b=2" rel="noreferrer">' in page
    assert 'href="javascript' not in page
    assert '"onmouseover' not in page


@pytest.mark.parametrize("path", ["/", "/outbox"])
async def test_pages_ask_for_nothing_from_elsewhere_and_run_nothing(sandbox: RunningSandbox, path: str) -> None:
    async with sandbox.session.get(sandbox.url + path) as response:
        text = await response.text()
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert 'name="viewport"' in text
    assert "src=" not in text
    assert "http" not in text


async def test_messages_are_written_where_a_person_can_look(fresh_database: str, tmp_path: Path) -> None:
    async with running_sandbox(fresh_database, tmp_path) as sandbox:
        await send(sandbox, 1, subject="Your payment, once more!")
        await send(sandbox, 1, subject="Your payment, once more!")
        await send(sandbox, 2, channel="sms", subject="")
    folder = tmp_path / "stripe_acct_in_1"
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["001-email-your_payment_once_more.txt", "002-sms-message.txt"]
    text = (folder / names[0]).read_text(encoding="utf-8")
    assert text.startswith("To: ada@example.test\nSubject: Your payment, once more!\n")
    assert text.endswith("\n\nHello\n")


@pytest.mark.parametrize("case_id", ["..", "../../etc", "/", "a/../../b"])
async def test_no_case_writes_outside_the_outbox(fresh_database: str, tmp_path: Path, case_id: str) -> None:
    outbox = tmp_path / "outbox"
    async with running_sandbox(fresh_database, outbox) as sandbox:
        assert (await send(sandbox, case_id=case_id, subject="../../up")).status == 200
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) == 1
    assert written[0].parent.parent == outbox


async def test_a_folder_that_cannot_be_written_does_not_lose_the_message(
    fresh_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    async with running_sandbox(fresh_database, blocked) as sandbox:
        assert (await send(sandbox)).status == 200
        assert len((await sandbox.get("/outbox.json")).body["messages"]) == 1
    assert "is stored, but not written" in caplog.text

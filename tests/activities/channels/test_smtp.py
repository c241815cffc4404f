"""E-mail by SMTP, at a server that takes it and at servers that break off in the middle."""

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from pydantic import ValidationError

from activities.channels.accounts import SmtpProvider
from activities.channels.contract import Accepted, Attachment, NotSent, Unclear
from activities.channels.mail import NoAddress, address_of
from activities.channels.smtp import SmtpChannel
from activities.errors import Misconfigured, Unavailable
from tests.activities.channels.contract import letter_to
from tests.activities.channels.smtp_server import (
    PASSWORD,
    USER,
    Mailroom,
    breaking_server,
    mail_server,
    mail_server_with_password,
)

ADA = "ada@example.test"
SENDER = "billing@shop.example"


@pytest.fixture
def room() -> Mailroom:
    return Mailroom()


@pytest.fixture
async def port(room: Mailroom) -> AsyncIterator[int]:
    async with mail_server(room) as port:
        yield port


def channel_at(port: int, **changes: Any) -> SmtpChannel:
    settings = {"host": "127.0.0.1", "port": port, "sender": SENDER, "security": "none", "timeout_seconds": 2}
    return SmtpChannel(SmtpProvider.model_validate({**settings, **changes}), "Shop & Söhne, Ltd")


async def test_a_mail_arrives_as_it_was_written(room: Mailroom, port: int) -> None:
    letter = letter_to(ADA).model_copy(
        update={"html": "<p>Hello – <b>29,00 €</b></p>", "unsubscribe": "https://api.example/u"}
    )
    outcome = await channel_at(port).send(letter)
    assert outcome == Accepted(reference="<mes_1@shop.example>")
    [(recipient, mail)] = room.taken
    assert recipient == ADA
    assert str(mail["From"]) == '"Shop & Söhne, Ltd" <billing@shop.example>'
    assert mail["Subject"] == letter.subject
    assert mail["Message-ID"] == "<mes_1@shop.example>"
    assert mail["List-Unsubscribe"] == "<https://api.example/u>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert text.replace("\r\n", "\n").strip() == letter.text
    assert "29,00 €" in html


REAL_LINK = "https://api.example/preferences/" + "WyJzdHJpcGUiLCJkZWZhdWx0IiwiY3VzXzEiXQ." * 4 + "/unsubscribe/email"


async def test_a_long_link_stays_as_it_is_and_words_of_any_script_arrive() -> None:
    """Mail programs follow a literal address only (RFC 8058)."""
    letter = letter_to(ADA).model_copy(update={"unsubscribe": REAL_LINK, "subject": "お支払いのご案内 " * 12})
    raw = channel_at(25)._mail(letter).as_bytes()
    assert f"List-Unsubscribe: <{REAL_LINK}>\r\n".encode() in raw
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    read = message_from_bytes(raw, policy=default)
    assert read["Subject"] == " ".join(letter.subject.split())


async def test_a_domain_of_any_script_is_written_as_it_travels(room: Mailroom, port: int) -> None:
    assert isinstance(await channel_at(port).send(letter_to("ada@exämple.test")), Accepted)
    assert room.taken[0][0] == "ada@xn--exmple-cua.test"


async def test_a_mail_without_html_is_plain_text_and_may_carry_a_file(room: Mailroom, port: int) -> None:
    story = Attachment(name="case.txt", content_type="text/plain", text="2026-03-02 it failed – twice\n")
    await channel_at(port).send(letter_to(ADA).model_copy(update={"attachments": (story,)}))
    [(_, mail)] = room.taken
    attached = list(mail.iter_attachments())
    assert [part.get_filename() for part in attached] == ["case.txt"]
    assert "it failed – twice" in attached[0].get_content()
    assert "List-Unsubscribe" not in mail


async def test_two_messages_are_two_messages(room: Mailroom, port: int) -> None:
    for key in ("mes_1", "mes_2"):
        await channel_at(port).send(letter_to(ADA, key))
    assert [mail["Message-ID"] for _, mail in room.taken] == ["<mes_1@shop.example>", "<mes_2@shop.example>"]


@pytest.mark.parametrize("text", ["a\r\nBcc: eve@example.test", "a\nX: y", "tab\there"])
async def test_no_subject_adds_a_header(room: Mailroom, port: int, text: str) -> None:
    await channel_at(port).send(letter_to(ADA).model_copy(update={"subject": text}))
    [(_, mail)] = room.taken
    assert "Bcc" not in mail
    assert "X" not in mail
    assert mail["Subject"] == " ".join(text.split())


@pytest.mark.parametrize(
    "address", ["", "ada", "@x", "ada@", "a@b\r\nRCPT TO:<eve@example.test>", "a b@c d", "a@b,c@d"]
)
async def test_what_is_no_address_is_not_sent(room: Mailroom, port: int, address: str) -> None:
    outcome = await channel_at(port).send(letter_to(address))
    assert outcome == NotSent(reason="it is no e-mail address")
    assert room.taken == []


@pytest.mark.parametrize(
    ("answer", "withdrawn"),
    [
        ("550 5.1.1 no such mailbox", "gone"),
        ("550 5.2.1 mailbox is closed", "gone"),
        ("552 5.2.2 mailbox is full", None),
        ("550 5.7.1 blocked", None),
        ("550 no", None),
    ],
)
async def test_a_recipient_who_is_refused_is_not_sent(
    room: Mailroom, port: int, answer: str, withdrawn: str | None
) -> None:
    room.answers[ADA] = answer
    outcome = await channel_at(port).send(letter_to(ADA))
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn == withdrawn
    assert ADA not in outcome.reason


async def test_a_mail_that_is_refused_after_it_was_read_is_not_sent(room: Mailroom, port: int) -> None:
    room.answers["data"] = "554 5.7.1 looks like spam"
    assert isinstance(await channel_at(port).send(letter_to(ADA)), NotSent)


@pytest.mark.parametrize("where", [ADA, "data"])
async def test_not_now_is_tried_again(room: Mailroom, port: int, where: str) -> None:
    room.answers[where] = "451 4.7.1 come back later"
    with pytest.raises(Unavailable):
        await channel_at(port).send(letter_to(ADA))


@pytest.mark.parametrize("answer", ["550 5.7.1 not your domain", "501 5.1.7 bad sender", "552 over quota"])
async def test_a_sender_who_may_not_send_is_ours_to_mend(room: Mailroom, port: int, answer: str) -> None:
    room.answers[SENDER] = answer
    with pytest.raises(Misconfigured):
        await channel_at(port).send(letter_to(ADA))


async def test_signing_in(room: Mailroom) -> None:
    async with mail_server_with_password(room) as port:
        known = channel_at(port, username=USER, password=PASSWORD)
        assert isinstance(await known.send(letter_to(ADA)), Accepted)
        with pytest.raises(Misconfigured) as wrong:
            await channel_at(port, username=USER, password="another").send(letter_to(ADA))
        assert "another" not in str(wrong.value)
        with pytest.raises(Misconfigured):
            await channel_at(port).send(letter_to(ADA))


async def test_a_server_without_encryption_is_not_talked_to(room: Mailroom, port: int) -> None:
    with pytest.raises(Misconfigured):
        await channel_at(port, security="starttls").send(letter_to(ADA))
    assert room.taken == []


async def test_nobody_listens() -> None:
    with pytest.raises(Unavailable):
        await channel_at(1).send(letter_to(ADA))


@pytest.mark.parametrize("at", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["closes", "hangs"])
async def test_before_the_mail_itself_silence_is_not_sent(at: str, how: str) -> None:
    async with breaking_server(at, how) as port:
        if at == "DATA":
            outcome = await channel_at(port, timeout_seconds=0.3).send(letter_to(ADA))
            assert isinstance(outcome, Unclear)
            return
        with pytest.raises(Unavailable):
            await channel_at(port, timeout_seconds=0.3).send(letter_to(ADA))


@pytest.mark.parametrize("how", ["closes", "hangs"])
async def test_silence_after_the_mail_is_unclear(how: str) -> None:
    async with breaking_server("content", how) as port:
        assert isinstance(await channel_at(port, timeout_seconds=0.3).send(letter_to(ADA)), Unclear)


def test_a_sender_that_is_no_address_stops_the_worker() -> None:
    with pytest.raises(NoAddress):
        channel_at(25, sender="nobody")
    assert address_of(" ada@example.test ").addr_spec == ADA


@pytest.mark.parametrize("half", [{"username": USER}, {"password": PASSWORD}])
def test_half_of_a_sign_in_is_none(half: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        channel_at(25, **half)

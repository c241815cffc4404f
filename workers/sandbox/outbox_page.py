"""The outbox as a page. What others wrote is escaped; only http and https addresses become links."""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from workers.sandbox.database import Record
from workers.sandbox.pages import page

_ADDRESS = re.compile(r"(https?://[^\s<>\"']+)")


def outbox_page(messages: Sequence[Record], case_id: str | None) -> str:
    """`messages` newest first; `case_id` is the filter in force."""
    where = f"of {case_id}" if case_id else "of all cases"
    summary = f"<p class=quiet>{len(messages)} messages {escape(where)}, newest first.</p>"
    everything = '<p><a href="/outbox">Show all cases</a></p>' if case_id else ""
    return page("Outbox", summary + everything + "".join(_article(row) for row in messages))


def _article(row: Record) -> str:
    address = f"/outbox?case={quote(row['case_id'], safe='')}"
    return (
        "<article>"
        f"<p class=quiet><span class=badge>{escape(row['channel'])}</span> {row['at']:%Y-%m-%d %H:%M} UTC"
        f' · to {escape(row["recipient"])} · <a href="{escape(address)}">{escape(row["case_id"])}</a></p>'
        f"<h2>{escape(row['subject'])}</h2>"
        f"<pre>{_with_links(row['body'])}</pre>"
        "</article>"
    )


def _with_links(text: str) -> str:
    parts = _ADDRESS.split(text)
    return "".join(_link(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _link(address: str) -> str:
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(address)}</a>'

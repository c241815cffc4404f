"""What every e-mail carries, whoever takes it: a sender with the merchant's name, and the way to end these mails."""

from email.errors import MessageError
from email.headerregistry import Address

from activities.channels.contract import Letter


class NoAddress(ValueError):
    """It is no e-mail address; the text does not repeat it."""


def address_of(text: str, name: str = "") -> Address:
    """With its domain as it travels (IDNA). Raises NoAddress."""
    try:
        local, at, domain = text.strip().rpartition("@")
        found = Address(display_name=name, addr_spec=f"{local}{at}{domain.encode('idna').decode()}")
    except (MessageError, ValueError, IndexError, AttributeError) as error:
        raise NoAddress("it is no e-mail address") from error
    if not found.username or not found.domain or any(not c.isprintable() for c in text.strip()):
        raise NoAddress("it is no e-mail address")
    return found


def extra_headers(letter: Letter) -> dict[str, str]:
    """So that no machine answers (RFC 3834), and mail programs can offer to end these mails in one click (RFC 8058)."""
    headers = {"Auto-Submitted": "auto-generated"}
    if letter.unsubscribe:
        headers["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers

"""Braintree's XML as its API writes it: names with hyphens, types as attributes, lists with `type="array"`."""

from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape


class Items(list[Any]):
    """A list whose elements are called by the name given; `collection` is how a page of a search is written."""

    def __init__(self, name: str, items: Any, kind: str = "array") -> None:
        super().__init__(items)
        self.name = name
        self.kind = kind


def xml(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    match value:
        case None:
            return f'<{name} nil="true"/>'
        case bool():
            return f'<{name} type="boolean">{str(value).lower()}</{name}>'
        case int():
            return f'<{name} type="integer">{value}</{name}>'
        case datetime():
            return f'<{name} type="datetime">{value:%Y-%m-%dT%H:%M:%SZ}</{name}>'
        case date():
            return f'<{name} type="date">{value.isoformat()}</{name}>'
        case Items():
            inner = "".join(xml(value.name, item) for item in value)
            return f'<{name} type="{value.kind}">{inner}</{name}>'
        case dict():
            return f"<{name}>{''.join(xml(key, item) for key, item in value.items())}</{name}>"
        case _:
            return f"<{name}>{escape(str(value))}</{name}>"


def document(name: str, value: Any) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml(name, value)


def error(message: str, found: dict[str, str] | None = None, **more: Any) -> str:
    """`found`: codes of validation errors by the object that they are about."""
    errors: dict[str, Any] = {"errors": Items("error", [])}
    for about, code in (found or {}).items():
        one = {"code": code, "attribute": "base", "message": message}
        errors[about] = {"errors": Items("error", [one])}
    return document("api_error_response", {"errors": errors, "params": {}, "message": message, **more})

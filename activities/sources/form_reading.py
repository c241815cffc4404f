"""Forms from strangers, as Node: `a=1&b=2`. For sources that post forms instead of JSON."""

from urllib.parse import parse_qsl

from activities.sources.reading import Node, Wrong

FIELDS_MAX = 500


def form_of(body: bytes, encoding: str = "utf-8") -> Node:
    """Every value is a text; of a name that comes twice the last counts. Spaces around names and values are dropped."""
    return Node("", {name.strip(): value.strip() for name, value in pairs_of(body, encoding)})


def pairs_of(body: bytes, encoding: str = "utf-8") -> list[tuple[str, str]]:
    """Names and values to the letter, for signatures over one of them."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding=encoding, errors="strict", max_num_fields=FIELDS_MAX
        )
    except (UnicodeDecodeError, LookupError):
        raise Wrong("body", f"the body is no form in {encoding[:20]}") from None
    except ValueError:
        raise Wrong("body", f"the form has more than {FIELDS_MAX} fields") from None
    if not pairs or all(not name.strip() for name, _ in pairs):
        raise Wrong("body", "the body is no form: it has no field")
    return pairs

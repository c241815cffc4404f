"""XML from strangers, as Node: an element with children is an object, one without is its text, `nil="true"` is None.

Entities and document types are refused (defusedxml), so nothing expands and nothing is fetched.
"""

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from activities.sources.reading import DEPTH_MAX, Node, Wrong


def xml_of(body: bytes) -> tuple[str, Node]:
    """Name of the root and its content. Children of one name that repeat, and all of `type="array"`, are a list. Names
    are written with underscores: hyphens become them."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Wrong("body", "the body is not XML that we read (no document type, no entities)") from None
    if _deeper_than(root, DEPTH_MAX):
        raise Wrong("body", f"the body nests deeper than {DEPTH_MAX} levels")
    content = _value(root)
    return _name(root), Node("", content if isinstance(content, dict) else {})


def _deeper_than(root: Element, levels: int) -> bool:
    layer = [root]
    for _ in range(levels):
        layer = [child for parent in layer for child in parent]
        if not layer:
            return False
    return True


def _value(element: Element) -> Any:
    if element.get("nil") == "true":
        return None
    children = list(element)
    if element.get("type") == "array" or (len(children) > 1 and len({child.tag for child in children}) == 1):
        return [_value(child) for child in children]
    if not children:
        return (element.text or "").strip()
    content: dict[str, Any] = {}
    for child in children:
        name, value = _name(child), _value(child)
        if name not in content:
            content[name] = value
        elif isinstance(content[name], list):
            content[name].append(value)
        else:
            content[name] = [content[name], value]
    return content


def _name(element: Element) -> str:
    return str(element.tag).replace("-", "_")

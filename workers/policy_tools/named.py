"""The policy a person means: a file, or the name of one that is configured."""

from difflib import get_close_matches
from pathlib import Path

from policies.document import PolicyDocument
from policies.load import load_policy
from workers.mistakes import Mistake
from workers.wiring import read_policies


def named_policy(named: str, configured: list[Path]) -> PolicyDocument:
    """`configured`: the setting of that name. Raises Mistake, or PolicyError with file, line and what to do."""
    path = Path(named)
    if path.is_file():
        return load_policy(path.read_bytes(), named)
    documents = {document.name: document for document in read_policies(configured)}
    if named in documents:
        return documents[named]
    nearest = get_close_matches(named, documents, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f"; configured are {', '.join(documents)}"
    raise Mistake(f"{named!r} is neither a file nor a configured policy{hint}")

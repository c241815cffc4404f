"""Validation profiles from YAML text, refused with file, line, column and what to do. Reads no file itself."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pydantic import ValidationError

from policies.findings import DocumentError, Finding
from policies.intake.profile import Profiles, Rule
from policies.spelling import findings_of
from policies.yaml_text import NotYaml, read_yaml

_EMPTY = "holds no profile; write profiles: and a list, or leave RECOUP_INTAKE_PROFILES out for the default one"


class ProfilesError(DocumentError):
    """The profiles cannot be used."""


def load_profiles(text: str | bytes, filename: str) -> Profiles:
    """Raises ProfilesError, which names everything that is wrong. Bytes are those of a file."""
    try:
        sheet = read_yaml(text, filename)
    except NotYaml as error:
        raise ProfilesError([error.finding]) from error
    if not isinstance(sheet.raw, dict):
        raise ProfilesError([sheet.at(Finding((), _EMPTY))])
    try:
        profiles = Profiles.model_validate(sheet.raw, extra="forbid")
    except ValidationError as error:
        found = findings_of(error.errors(), Profiles.model_json_schema())
    else:
        found = list(_findings(profiles))
    if found:
        raise ProfilesError(sorted(sheet.at(finding) for finding in found))
    return profiles


def _findings(profiles: Profiles) -> Iterator[Finding]:
    if not profiles.profiles:
        yield Finding(("profiles",), _EMPTY)
    earlier: list[str] = []
    for position, profile in enumerate(profiles.profiles):
        if all(_is_taken(accounts, earlier) for accounts in profile.accounts):
            says = "never used: the profiles before it fit all these accounts; move it up, or narrow those"
            yield Finding(("profiles", position, "accounts"), says)
        earlier += profile.accounts
        for at, name in _named_twice(profile.rules):
            says = f"two rules of this profile are called {name}, so no report could tell them apart; give one a name"
            yield Finding(("profiles", position, "rules", at, "name"), says)


def _is_taken(accounts: str, earlier: Sequence[str]) -> bool:
    """A pattern fits another one's text when it fits every account of it."""
    return any(fnmatchcase(accounts, each) for each in earlier)


def _named_twice(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    names = [rule.called for rule in rules]
    yield from ((at, name) for at, name in enumerate(names) if name in names[:at])

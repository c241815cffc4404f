"""Whether every word can be said: templates, translations, and the wordings that policies try out."""

from collections.abc import Iterator

from activities.channels.render import LANGUAGES, CatalogBroken, Renderer, TemplatesBroken
from policies.document import TEMPLATES, PolicyDocument
from workers.mistakes import Mistake
from workers.settings import Settings
from workers.wiring import make_renderer, read_policies


class WordsBroken(Mistake):
    """Something that should be said cannot be; the text says what, a line each."""


def linted(settings: Settings) -> str:
    """One sentence when all is well. Raises WordsBroken."""
    try:
        renderer = make_renderer(settings)
    except (TemplatesBroken, CatalogBroken) as error:
        raise WordsBroken(str(error)) from error
    missing = list(missing_wordings(renderer, read_policies(settings.policies)))
    if missing:
        raise WordsBroken("\n".join(missing))
    return f"{len(TEMPLATES)} templates in {len(LANGUAGES)} languages can be said"


def missing_wordings(renderer: Renderer, policies: tuple[PolicyDocument, ...]) -> Iterator[str]:
    for policy in policies:
        for message in policy.messages:
            for variant in message.variants:
                if variant.wording and not renderer.has_wording(message.template, variant.wording):
                    file = f"{message.template}.{variant.wording}.txt.j2"
                    yield f"policy {policy.name}: variant {variant.name} of {message.name} needs {file}"

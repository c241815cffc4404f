"""All templates and translations, read and checked when they are loaded, so that a misspelt variable or a sentence
without translation stops the worker and never meets a customer.

A folder holds `templates/` and `locales/`; files of a later folder take the place of those with the same name, and a
later translation of a sentence that of an earlier one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from babel.messages.catalog import Message
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from activities.channels import catalogs
from activities.channels.render.told import TOLD_IN, VARIABLES
from policies.document import TEMPLATES

SHIPPED = Path(__file__).parents[1]

FRAME = "_frame.mjml.j2"
_NEEDED = ("_first_paragraph.sms.j2", "_footer.txt.j2", "_button.txt.j2", FRAME)
_KINDS = ("txt", "sms", "push", "in_app")
_MACHINERY = frozenset({"gettext", "ngettext"})
_OF_THE_FRAME = frozenset(
    """lang direction start subject preview colour logo_url merchant support_email blocks button footer ink small_ink
    paper desk dark_ink dark_paper dark_desk""".split()
)


class TemplatesBroken(ValueError):
    """The templates cannot be used; the text says which and why."""


@pass_context
def _gettext(context: Context, sentence: str) -> str:
    return str(context[TOLD_IN].gettext(sentence))


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return str(context[TOLD_IN].ngettext(one, many, count))


def _environment(paths: Sequence[Path], autoescape: bool) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(list(reversed(paths))),
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    return environment


class Library:
    """Raises TemplatesBroken when a template is missing, names something that does not exist, or is not translated."""

    def __init__(self, folders: Sequence[Path], languages: Sequence[str]) -> None:
        self._paths = [folder / "templates" for folder in folders]
        # Plain text, nothing to escape; what is inserted is made harmless by `one_line`. The frame is HTML and escapes.
        self._plain = _environment(self._paths, autoescape=False)
        self._framing = _environment(self._paths, autoescape=True)
        self._sources: dict[str, str] = {}
        self._includes: dict[str, frozenset[str]] = {}
        names = [name for name in self._plain.list_templates() if name.endswith(".j2")]
        self._templates = {name: self._checked(name, frozenset(names)) for name in names}
        missing = {f"{name}.txt.j2" for name in TEMPLATES} | set(_NEEDED)
        if missing - self._templates.keys():
            where = self._paths[-1].name
            raise TemplatesBroken(f"missing in {where}: {', '.join(sorted(missing - self._templates.keys()))}")
        self.translations = self._translated([folder / "locales" for folder in folders], languages)
        self.edition = lru_cache(4096)(self._edition)

    def names(self) -> Iterator[str]:
        yield from self._templates

    def get(self, name: str) -> Template | None:
        return self._templates.get(name)

    def __getitem__(self, name: str) -> Template:
        return self._templates[name]

    def has_wording(self, template: str, wording: str) -> bool:
        return any(f"{template}.{wording}.{kind}.j2" in self._templates for kind in _KINDS)

    def _edition(self, names: tuple[str, ...], language: str) -> str:
        """Of the templates `names`, all they include, and the language's sentences."""
        whole, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in whole:
                whole.add(name)
                left.extend(self._includes[name])
        made_from = "\0".join(f"{name}\0{self._sources[name]}" for name in sorted(whole))
        digest = hashlib.sha256(f"{made_from}\0{self.translations[language].digest}".encode())
        return digest.hexdigest()[:12]

    def _checked(self, name: str, names: frozenset[str]) -> Template:
        environment = self._framing if name == FRAME else self._plain
        source = self._source(name)
        try:
            tree = environment.parse(source)
            template = environment.get_template(name)
        except TemplateSyntaxError as error:
            raise TemplatesBroken(f"{name}:{error.lineno}: {error.message}") from error
        self._sources[name] = source
        self._includes[name] = self._included(name, tree, names)
        unknown = find_undeclared_variables(tree) - (_OF_THE_FRAME if name == FRAME else VARIABLES) - _MACHINERY
        if unknown:
            raise TemplatesBroken(f"{name}: unknown variables {', '.join(sorted(unknown))}; see VARIABLES in told.py")
        if name.endswith(".txt.j2") and not name.startswith("_") and not source.startswith("Subject: "):
            raise TemplatesBroken(f"{name}:1: the first line must be `Subject: ...`")
        return template

    def _source(self, name: str) -> str:
        return next(path for folder in reversed(self._paths) if (path := folder / name).exists()).read_text("utf-8")

    @staticmethod
    def _included(name: str, tree: nodes.Template, names: frozenset[str]) -> frozenset[str]:
        included = {str(other) for other in find_referenced_templates(tree)}
        if included - names:
            raise TemplatesBroken(f"{name}: includes {', '.join(sorted(included - names))}, which does not exist")
        return frozenset(included)

    def _translated(self, folders: Sequence[Path], languages: Sequence[str]) -> dict[str, catalogs.Translation]:
        translations = {language: catalogs.read(language, folders) for language in {catalogs.SOURCE, *languages}}
        sentences = dict(self._sentences())
        faults = [
            fault
            for language, translation in sorted(translations.items())
            if language != catalogs.SOURCE
            for fault in catalogs.faults(translation, sentences)
        ]
        if faults:
            raise TemplatesBroken("; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else ""))
        return translations

    def _sentences(self) -> Iterator[tuple[str, Message]]:
        yield from ((label, Message(label)) for label in (*catalogs.LABELS, *catalogs.CONDITIONS))
        for source in self._sources.values():
            for sentence in catalogs.sentences_of(self._plain, source):
                yield (sentence if isinstance(sentence, str) else sentence[0]), Message(sentence)

"""What a page must be for everybody: no serious finding of axe-core in the light and in the dark, and nothing that
sticks out of the screen."""

from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Frame

from tests.api.page.conftest import Visit

RULES: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations", "incomplete"],
    # A gateway's frame is of another origin, so axe cannot be asked about it from outside: it is walked by itself.
    "iframes": False,
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def is_for_everybody(visit: Visit, state: str, frames_too: bool = True) -> None:
    for scheme in SCHEMES:
        await visit.page.emulate_media(color_scheme=scheme)
        await visit.shot(f"{state}-{scheme}")
        for frame in visit.page.frames if frames_too else visit.page.frames[:1]:
            if frame is not visit.page.main_frame:
                await _paint(visit, frame)
            found = _found((await Axe().run(frame, options=RULES)).response)
            assert not found, f"{state}, {scheme}: {found}"
        wide = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        scroll, client = await visit.page.evaluate(wide)
        assert scroll <= client, f"{state} sticks out of the screen"
    await visit.page.emulate_media(color_scheme="light")


async def _paint(visit: Visit, frame: Frame) -> None:
    """The gateway's frame lets the page show through, which axe takes for white."""
    behind = await visit.page.evaluate("getComputedStyle(document.getElementById('recoup-fields')).backgroundColor")
    await frame.evaluate("colour => { document.documentElement.style.backgroundColor = colour }", behind)


def _found(results: dict[str, Any]) -> list[str]:
    """Serious and critical ones; and contrast that axe could not make out, so that nobody has to look for himself."""
    bad = [each for each in results["violations"] if each["impact"] in ("serious", "critical")]
    bad += [each for each in results["incomplete"] if each["id"] == "color-contrast"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}" for each in bad for node in each["nodes"]
    ]

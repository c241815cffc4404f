"""Builds what the customer's page needs; None where no key is set up to sign links with."""

from pathlib import Path

import api.pay
from activities.page_access import PageAccess
from activities.page_desk import PageDesk
from activities.page_words import PageSpeaker
from api.parts import PageParts
from api.pay.guard import Guard
from workers.settings import Settings
from workers.wiring import Wiring

LOCALES = Path(api.pay.__file__).parent / "locales"


def make_page(settings: Settings, wiring: Wiring) -> PageParts | None:
    """Raises CatalogBroken when a sentence of the page is not translated."""
    keys = tuple(key.get_secret_value() for key in settings.link_keys)
    if not keys:
        return None
    return PageParts(
        desk=PageDesk(wiring.store, wiring.adapters),
        access=PageAccess(wiring.store, wiring.adapters.channels, settings.merchant.name, keys),
        speaker=PageSpeaker(settings.merchant, LOCALES),
        guard=Guard(),
        keys=keys,
        framed_by=tuple(settings.frame_ancestors),
    )

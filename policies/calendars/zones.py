"""In which zone a customer lives, from what is known of them. Larger than one zone and nothing more known: all of them.

Sources of `data/zones.csv`: state, province and postal prefixes are general knowledge, main zone of each; so are the
`main` zones of a country, without those in which fewer than one in a thousand live. The zones of a country are CLDR's
(through babel), those of a phone number libphonenumber's.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from policies.package_data import table


class ZoneGuess(NamedTuple):
    """`zone` None: not known; then it is one of `candidates`, or nothing is known at all."""

    zone: str | None
    candidates: tuple[str, ...]
    because: str


def zone_of(
    country: str | None, subdivision: str | None = None, postal_code: str | None = None, phone: str | None = None
) -> ZoneGuess:
    """`country`: ISO 3166 alpha-2. `subdivision`: ISO 3166-2, with or without the country. `phone`: E.164."""
    code = (country or "").upper()
    found = _by_subdivision(code, subdivision) or _by_postal_code(code, postal_code)
    if found:
        return found
    candidates = zones_of_country(code)
    if len(candidates) == 1:
        return ZoneGuess(candidates[0], candidates, f"{code} has one zone")
    if phone:
        zones = _zones_of_phone(phone)
        if len(zones) == 1 and (not candidates or _territories().get(zones[0]) == code):
            return ZoneGuess(zones[0], zones, "by the region of the phone number")
    because = f"{code} has {len(candidates)} zones" if candidates else "the country is not known"
    return ZoneGuess(None, candidates, because)


@cache
def zones_of_country(country: str) -> tuple[str, ...]:
    """IANA names, as CLDR lists them; of countries in the file those that stand there, for in the others hardly anybody
    lives."""
    zones = sorted(zone for zone, territory in _territories().items() if territory == country and "/" in zone)
    known = {row["zone"] for row in _rows() if row["country"] == country}
    return tuple(zone for zone in zones if zone in known) if known else tuple(zones)


def _by_subdivision(country: str, subdivision: str | None) -> ZoneGuess | None:
    if not subdivision:
        return None
    key = subdivision.upper().removeprefix(f"{country}-")
    zone = _keyed("subdivision").get((country, key))
    return ZoneGuess(zone, (zone,), f"by the subdivision {country}-{key}") if zone else None


def _by_postal_code(country: str, postal_code: str | None) -> ZoneGuess | None:
    plain = (postal_code or "").replace(" ", "").upper()
    for length in (3, 2, 1):
        zone = _keyed("postal").get((country, plain[:length])) if len(plain) >= 3 else None
        if zone:
            return ZoneGuess(zone, (zone,), f"by the postal region in {country}")
    return None


def _zones_of_phone(phone: str) -> tuple[str, ...]:
    import phonenumbers
    from phonenumbers import timezone

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in timezone.time_zones_for_number(number) if not zone.startswith("Etc/"))


def _territories() -> Mapping[str, str]:
    """Zone -> country."""
    from babel.core import get_global

    return get_global("zone_territories")


@cache
def _keyed(kind: str) -> dict[tuple[str, str], str]:
    return {(row["country"], row["key"]): row["zone"] for row in _rows() if row["kind"] == kind}


@cache
def _rows() -> list[dict[str, str]]:
    return table(__package__, "zones.csv")

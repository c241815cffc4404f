"""Who owns an invoice, who collects it, and how we live with its owner's own retries: the closest place counts."""

import pytest

from activities.errors import Misconfigured
from activities.routes import Routes
from policies.keys import CaseRef
from policies.surroundings import Coexistence


def case(source: str = "stripe", account: str = "eu") -> CaseRef:
    return CaseRef(source=source, account=account, invoice_id="in_1")


def routes(*gateways: str, **settings: dict[str, object]) -> Routes:
    return Routes(**{"gateways": frozenset(gateways), "owners": {}, **settings})  # type: ignore[arg-type]  # fields by name


PLACES = [
    ({"stripe/eu": "a", "stripe/*": "b", "*/*": "c"}, "a"),
    ({"stripe/us": "a", "stripe/*": "b", "*/*": "c"}, "b"),
    ({"adyen/eu": "a", "adyen/*": "b", "*/*": "c"}, "c"),
]


@pytest.mark.parametrize(("owners", "owner"), PLACES)
def test_the_closest_place_says_who_owns_the_invoices(owners: dict[str, object], owner: str) -> None:
    assert routes(owners=owners).owner_of("stripe", "eu") == owner


@pytest.mark.parametrize(("owners", "owner"), PLACES)
def test_the_closest_place_says_who_collects(owners: dict[str, object], owner: str) -> None:
    collectors: dict[str, object] = {place: (name, "last") for place, name in owners.items()}
    assert routes(collectors=collectors).route_of(case()) == (owner, "last")


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ({}, "replace"),
        ({"*/*": "wait"}, "wait"),
        ({"*/*": "wait", "stripe/*": "replace"}, "replace"),
        ({"stripe/eu": "weave", "stripe/*": "replace"}, "weave"),
        ({"stripe/us": "wait"}, "replace"),
    ],
)
def test_the_closest_place_says_how_we_live_with_its_owner_s_retries(said: dict[str, object], how: Coexistence) -> None:
    assert routes(coexistence=said).coexistence_at(case()) == how


def test_a_gateway_account_owns_the_invoices_of_the_place_of_its_name() -> None:
    stripe = routes("stripe/eu", "stripe/us", owners={"*/*": "merchant"})
    assert stripe.owner_of("stripe", "eu") == "stripe/eu"
    assert stripe.route_of(case()) == ("stripe/eu",)
    assert stripe.is_owned_by(case(), "stripe/eu")
    assert not stripe.is_owned_by(case(), "stripe/us")
    assert stripe.owner_of("stripe", "asia") == "merchant"


def test_what_was_said_of_the_very_place_outranks_a_gateway_of_its_name() -> None:
    adyen = routes("adyen/eu", owners={"adyen/eu": "merchant"})
    assert adyen.owner_of("adyen", "eu") == "merchant"
    assert not adyen.is_owned_by(case("adyen"), "adyen/eu")


def test_left_out_the_route_is_the_owner_where_it_moves_money() -> None:
    assert routes("sandbox", owners={"*/*": "sandbox"}).route_of(case()) == ("sandbox",)


def test_an_owner_that_moves_no_money_needs_a_route() -> None:
    with pytest.raises(Misconfigured, match="merchant owns the invoices of stripe/eu and moves no money"):
        routes("adyen/eu", owners={"*/*": "merchant"}).route_of(case())


def test_an_empty_route_says_nothing() -> None:
    assert routes("stripe/eu", collectors={"stripe/eu": ()}).route_of(case()) == ("stripe/eu",)


def test_a_place_of_which_nothing_was_said_has_no_owner() -> None:
    nowhere = routes("stripe/eu", owners={"adyen/*": "merchant"})
    with pytest.raises(Misconfigured, match="no owner is set up for source paypal, account eu"):
        nowhere.owner_of("paypal", "eu")
    with pytest.raises(Misconfigured):
        nowhere.route_of(case("paypal"))
    with pytest.raises(Misconfigured):
        nowhere.is_owned_by(case("paypal"), "stripe/eu")


def test_every_gateway_that_a_route_names_is_listed_with_its_place() -> None:
    both = routes(collectors={"stripe/*": ("a", "b"), "*/*": ("c",)})
    assert list(both.named()) == [("stripe/*", "a"), ("stripe/*", "b"), ("*/*", "c")]

"""Which profile holds for which account."""

import pytest

from policies.intake.profile import DEFAULT_PROFILE, Action, Profile, Profiles


def profile(*accounts: str) -> Profile:
    return Profile(accounts=accounts)


@pytest.mark.parametrize(
    ("accounts", "fits"),
    [("stripe/eu", True), ("stripe/*", True), ("*/*", True), ("*/eu", True), ("stripe/us", False), ("adyen/*", False)],
)
def test_a_star_stands_for_anything(accounts: str, fits: bool) -> None:
    assert profile(accounts).is_for("stripe", "eu") is fits
    assert profile("adyen/de", accounts).is_for("stripe", "eu") is fits


def test_the_first_profile_that_fits_holds() -> None:
    narrow, wide = profile("stripe/eu"), profile("stripe/*")
    profiles = Profiles(profiles=(narrow, wide))
    assert profiles.of("stripe", "eu") is narrow
    assert profiles.of("stripe", "us") is wide


def test_an_account_that_no_profile_fits_has_the_default_one_which_refuses_nothing() -> None:
    assert Profiles().of("stripe", "eu") is DEFAULT_PROFILE
    assert Profiles(profiles=(profile("adyen/*"),)).of("stripe", "eu") is DEFAULT_PROFILE
    assert Action.REFUSE not in {rule.action for rule in DEFAULT_PROFILE.rules}


def test_names_are_told_apart_by_their_case() -> None:
    assert not profile("Stripe/*").is_for("stripe", "eu")

"""Profiles are refused at the door, with file, line, column and what to do."""

from datetime import timedelta

import pytest

from policies.intake.load import ProfilesError, load_profiles
from policies.intake.profile import Action, Ahead, Missing, Profiles

GOOD = """
profiles:
  - accounts: [stripe/eu, "adyen/*"]
    rules:
      - {check: ahead, action: refuse, by: 30m}
      - {check: missing, action: quarantine, fields: [customer_id, amount], shadow: true, name: complete}
  - accounts: ["*/*"]
"""


def test_a_file_says_which_rules_hold_for_which_accounts() -> None:
    profiles = load_profiles(GOOD, "profiles.yaml")
    ahead, complete = profiles.of("stripe", "eu").rules
    assert ahead == Ahead(check="ahead", action=Action.REFUSE, by=timedelta(minutes=30))
    assert complete == Missing(
        check="missing",
        action=Action.QUARANTINE,
        fields=("customer_id", "amount"),
        shadow=True,
        name="complete",
    )
    assert profiles.of("stripe", "us").rules == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1:1: holds no profile; write profiles: and a list, or leave RECOUP_INTAKE_PROFILES out"),
        ("- a", "1:1: holds no profile"),
        ("{}", "1:1: profiles: holds no profile"),
        ("profiles: []", "1:1: profiles: holds no profile"),
        ("profiles: {", "1:12: expected the node content"),
        ("profiles: 7", "1:1: profiles: write a list, such as [a, b]"),
        ("profil: []", "1:1: profil: there is no such field; did you mean profiles?"),
        ("profiles: [{accounts: []}]", "1:13: profiles.0.accounts: the list is empty; name at least one"),
        ("profiles: [{accounts: [stripe]}]", "'stripe' is no account; write it as source/account, or with * as stripe"),
        ("profiles: [{acounts: [a/b]}]", "there is no such field; did you mean accounts?"),
    ],
)
def test_what_is_no_list_of_profiles_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ProfilesError) as refused:
        load_profiles(text, "profiles.yaml")
    assert f"profiles.yaml:{says}" in str(refused.value) or says in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{check: ahed, action: warn}", "4:10: profiles.0.rules.0.check: there is no 'ahed' here; did you mean ahead?"),
        ("{action: warn}", "4:9: profiles.0.rules.0.check: is missing; add it"),
        ("{check: ahead}", "4:9: profiles.0.rules.0.action: is missing; add it"),
        ("{check: ahead, action: wrn}", "4:24: profiles.0.rules.0.action: there is no 'wrn' here; did you mean warn?"),
        ("{check: ahead, action: warn, by: 1x}", "4:38: profiles.0.rules.0.by: '1x' is no duration; write minutes"),
        (
            "{check: ahead, action: warn, bye: 3d}",
            "rules.0.bye: there is no such field; did you mean by?",
        ),
        ("{check: old, action: warn, shadow: perhaps, older_than: 3d}", "rules.0.shadow: write true or false"),
        ("{check: too_much, action: warn, above: 0, currency: EUR}", "rules.0.above: must be more than 0"),
        ("{check: too_much, action: warn, above: 1, currency: EURO}", "'EURO' is no ISO 4217 currency code"),
        ("{check: other_currency, action: warn, expected: []}", "rules.0.expected: the list is empty"),
        ("{check: missing, action: warn, fields: [name]}", "there is no 'name' here; write one of customer_id"),
        ("{check: conflict, action: warn, name: Two Words}", "'Two Words' is no name; write up to 40 small letters"),
        ("conflict", "4:9: profiles.0.rules.0: write fields with their values"),
    ],
)
def test_a_wrong_rule_is_named_with_its_place_and_the_way_out(rule: str, says: str) -> None:
    with pytest.raises(ProfilesError) as refused:
        load_profiles(f'profiles:\n  - accounts: ["*/*"]\n    rules:\n      - {rule}\n', "profiles.yaml")
    assert says in str(refused.value)
    assert len(refused.value.findings) == 1


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_text() -> None:
    text = "profiles:\n  - accounts: [x]\n    rules:\n      - {check: old, action: warn}\nmore: 1\n"
    with pytest.raises(ProfilesError) as refused:
        load_profiles(text, "profiles.yaml")
    assert [(found.line, found.where) for found in refused.value.findings] == [
        (2, "profiles.0.accounts.0"),
        (4, "profiles.0.rules.0.older_than"),
        (5, "more"),
    ]


def test_two_rules_of_one_name_could_not_be_told_apart_in_a_report() -> None:
    two = """
profiles:
  - accounts: ["*/*"]
    rules:
      - {check: old, action: warn, older_than: 30d}
      - {check: old, action: quarantine, older_than: 90d}
"""
    with pytest.raises(ProfilesError) as refused:
        load_profiles(two, "profiles.yaml")
    assert "profiles.yaml:6:9: profiles.0.rules.1.name: two rules of this profile are called old" in str(refused.value)
    assert load_profiles(two.replace("older_than: 90d", "older_than: 90d, name: very_old"), "profiles.yaml")


@pytest.mark.parametrize(
    ("first", "second", "is_used"),
    [
        ("stripe/*", "stripe/eu", False),
        ("*/*", "stripe/*", False),
        ("stripe/eu", "stripe/eu", False),
        ("stripe/eu", "stripe/*", True),
        ("stripe/*", "adyen/eu", True),
    ],
)
def test_a_profile_that_others_take_everything_from_is_never_used(first: str, second: str, is_used: bool) -> None:
    text = f'profiles:\n  - accounts: ["{first}"]\n  - accounts: ["{second}"]\n'
    if is_used:
        assert isinstance(load_profiles(text, "profiles.yaml"), Profiles)
        return
    with pytest.raises(ProfilesError) as refused:
        load_profiles(text, "profiles.yaml")
    assert str(refused.value).startswith("profiles.yaml:3:5: profiles.1.accounts: never used: the profiles before it")

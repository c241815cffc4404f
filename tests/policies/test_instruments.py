import pytest

from policies.instruments import Network


@pytest.mark.parametrize(
    ("word", "network"),
    [
        ("visa", Network.VISA),
        ("VISA", Network.VISA),
        (" Mastercard ", Network.MASTERCARD),
        ("mc", Network.MASTERCARD),
        ("American Express", Network.AMEX),
        ("american-express", Network.AMEX),
        ("us_bank_account", Network.ACH),
        ("sepa_debit", Network.SEPA),
        ("SEPA-Core", Network.SEPA),
        ("becs", Network.BECS_AU),
        ("acss_debit", Network.PAD_CA),
        ("autogiro", Network.NORDIC_DD),
    ],
)
def test_a_network_is_known_by_every_gateways_spelling(word: str, network: Network) -> None:
    assert Network.named(word) is network


@pytest.mark.parametrize("word", [None, "", "  ", "paypal", "unionpay", "visa electron"])
def test_a_network_that_nobody_knows_or_told_is_another_one(word: str | None) -> None:
    assert Network.named(word) is Network.OTHER


@pytest.mark.parametrize("network", Network)
def test_each_network_is_called_by_its_own_name(network: Network) -> None:
    assert Network.named(network.value) is network

"""What a payment is taken from: kind, network and issuing country. Decides which codes, rules and calendars apply."""

from enum import StrEnum

from policies.base import Record


class PaymentType(StrEnum):
    CARD = "card"
    BANK_DEBIT = "bank_debit"
    WALLET = "wallet"


class Network(StrEnum):
    """Whose rules an attempt falls under: card networks and direct-debit schemes. `OTHER`: not told, or not listed."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"
    ELO = "elo"
    ACH = "ach"
    SEPA = "sepa"
    BACS = "bacs"
    BECS_AU = "becs_au"
    BECS_NZ = "becs_nz"
    PAD_CA = "pad_ca"
    NORDIC_DD = "nordic_dd"
    OTHER = "other"

    @classmethod
    def named(cls, word: str | None) -> "Network":
        """As a gateway spells it; what nobody knows is OTHER and keeps its raw word at the gateway."""
        plain = (word or "").strip().lower().replace(" ", "_").replace("-", "_")
        plain = _OTHER_SPELLINGS.get(plain, plain)
        return cls(plain) if plain in cls._value2member_map_ else cls.OTHER


_OTHER_SPELLINGS = {
    "mc": "mastercard",
    "american_express": "amex",
    "nacha": "ach",
    "us_bank_account": "ach",
    "ach_debit": "ach",
    "sepa_debit": "sepa",
    "sepa_core": "sepa",
    "bacs_debit": "bacs",
    "becs": "becs_au",
    "au_becs_debit": "becs_au",
    "nz_bank_account": "becs_nz",
    "acss_debit": "pad_ca",
    "pad": "pad_ca",
    "autogiro": "nordic_dd",
    "betalingsservice": "nordic_dd",
}

BANK_DEBIT_NETWORKS = frozenset(
    {
        Network.ACH,
        Network.SEPA,
        Network.BACS,
        Network.BECS_AU,
        Network.BECS_NZ,
        Network.PAD_CA,
        Network.NORDIC_DD,
    }
)


class Initiator(StrEnum):
    """Who starts a payment. Networks count the two apart, and some codes are final for one and not for the other."""

    MERCHANT = "merchant"
    CUSTOMER = "customer"


class Instrument(Record):
    """`country`: ISO 3166 alpha-2 of the issuer, `issuer`: its name at the gateway. `fingerprint`: the
    same for the same card under any token, so that the networks' limits hold for the card. None when nobody told."""

    payment_type: PaymentType = PaymentType.CARD
    network: Network = Network.OTHER
    country: str | None = None
    issuer: str | None = None
    fingerprint: str | None = None

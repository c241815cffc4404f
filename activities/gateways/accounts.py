"""One model per gateway of what an account of it needs, as it stands in RECOUP_GATEWAYS. Light: no vendor's client is
imported here.

Addresses are those of the vendors; tests put a local server in their place.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


class _Account(BaseModel):
    """`rate_per_second`: charges that Temporal lets through, over all workers together. `timeout_seconds` bounds one
    call. `base_url`: in place of the vendor's address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_per_second: Annotated[float, Field(gt=0)] = 20
    timeout_seconds: Annotated[float, Field(gt=0, le=55)] = 20
    base_url: str | None = None

    @property
    def page_lacks(self) -> tuple[str, ...]:
        """Fields without which customers cannot give a way to pay on their page."""
        return ()


class SandboxAccount(_Account):
    """`public_url`: where browsers reach its hosted fields, when not where we reach it."""

    kind: Literal["sandbox"] = "sandbox"
    rate_per_second: Annotated[float, Field(gt=0)] = 100
    public_url: str | None = None


class StripeAccount(_Account):
    """`api_key`: a secret or restricted key (`sk_…`, `rk_…`). `publishable_key` (`pk_…`) stands in the page that takes
    a new way to pay; without one customers cannot give any."""

    kind: Literal["stripe"] = "stripe"
    api_key: SecretStr
    publishable_key: str | None = None

    @property
    def page_lacks(self) -> tuple[str, ...]:
        return () if self.publishable_key else ("publishable_key",)


class AdyenAccount(_Account):
    """`live_url_prefix`: of the live endpoints, from Customer Area; without one it is the test environment.
    A new way to pay is checked with a zero amount in `update_currency`, in Adyen's fields, which need `client_key` (of
    the API credential, public) and `update_country` (ISO 3166 alpha-2, of most customers). Without these three
    customers cannot give any. `live_region`: of a live account outside of Europe."""

    kind: Literal["adyen"] = "adyen"
    api_key: SecretStr
    merchant_account: str
    live_url_prefix: str | None = None
    live_region: Literal["us", "au", "apse", "in", "nea"] | None = None
    update_currency: str | None = None
    update_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    client_key: str | None = None

    @property
    def page_lacks(self) -> tuple[str, ...]:
        needed = ("client_key", "update_country", "update_currency")
        return tuple(name for name in needed if getattr(self, name) is None)


class BraintreeAccount(_Account):
    """`merchant_accounts`: the merchant account id per currency; left out, the default one takes everything.
    `three_d_secure`: the bank may ask the customer to confirm a new card; Braintree must have it enabled, and the page
    must allow frames from everywhere."""

    kind: Literal["braintree"] = "braintree"
    merchant_id: str
    public_key: str
    private_key: SecretStr
    live: bool = False
    merchant_accounts: dict[str, str] = {}
    three_d_secure: bool = False


class PayPalAccount(_Account):
    kind: Literal["paypal"] = "paypal"
    client_id: str
    client_secret: SecretStr
    live: bool = False


class GoCardlessAccount(_Account):
    kind: Literal["gocardless"] = "gocardless"
    access_token: SecretStr
    live: bool = False


class MerchantAccount(BaseModel):
    """A billing system of the merchant's own that speaks docs/sources/merchant.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    token: SecretStr
    timeout_seconds: Annotated[float, Field(gt=0, le=55)] = 20


GatewayAccount = Annotated[
    SandboxAccount | StripeAccount | AdyenAccount | BraintreeAccount | PayPalAccount | GoCardlessAccount,
    Field(discriminator="kind"),
]


def with_kinds(accounts: Any) -> Any:
    """The kind of an account is the first half of its name, "gateway/account", and need not be written."""
    if not isinstance(accounts, dict):
        return accounts
    return {
        name: {"kind": str(name).partition("/")[0], **account} if isinstance(account, dict) else account
        for name, account in accounts.items()
    }


GatewayName = Annotated[str, Field(pattern="^[a-z]+(/[A-Za-z0-9_.-]{1,100})?$")]
GatewayAccounts = Annotated[dict[GatewayName, GatewayAccount], BeforeValidator(with_kinds)]

"""One model per provider of what it needs, as it stands in RECOUP_CHANNELS: channel -> {"provider": ..., ...}. Light:
no vendor's client is imported here.

Addresses are those of the vendors; tests put a local server in their place.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class _Provider(BaseModel):
    """`timeout_seconds` bounds one call. `base_url`: in place of the vendor's address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_seconds: Annotated[float, Field(gt=0, le=55)] = 20
    base_url: str | None = None


class SandboxProvider(_Provider):
    provider: Literal["sandbox"] = "sandbox"


class SendGridProvider(_Provider):
    """`sender`: the address mails come from; the name beside it is the merchant's. `track`: whether opens and clicks
    are counted, which some laws allow only with consent. `region`: where SendGrid keeps the data."""

    provider: Literal["sendgrid"] = "sendgrid"
    api_key: SecretStr
    sender: str
    track: bool = False
    region: Literal["global", "eu"] = "global"


class SmtpProvider(_Provider):
    """`security`: `tls` from the first byte, `starttls` before anything is said, or `none` (only on a trusted
    network)."""

    provider: Literal["smtp"] = "smtp"
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: str
    username: str | None = None
    password: SecretStr | None = None
    security: Literal["tls", "starttls", "none"] = "starttls"

    @model_validator(mode="after")
    def _signs_in_or_does_not(self) -> "SmtpProvider":
        if (self.username is None) is not (self.password is None):
            raise ValueError("username and password go together; give both, or neither")
        return self


class TwilioProvider(_Provider):
    """`sender`: a number in E.164, a short code or a sender name; or `messaging_service_sid` instead. `api_key_sid` and
    `api_key_secret`: in place of the auth token, which can then stay out of here."""

    provider: Literal["twilio"] = "twilio"
    account_sid: str
    auth_token: SecretStr | None = None
    api_key_sid: str | None = None
    api_key_secret: SecretStr | None = None
    sender: str | None = None
    messaging_service_sid: str | None = None


class PushProvider(_Provider):
    """`vapid_private_key`: PEM or base64url of the raw P-256 key, made with `recoup messages vapid`; `contact`: a
    mailto: or https: address that push services may write to. `fcm_service_account`: the JSON of a Google service
    account; without one no mobile devices are reached. `allow_private_networks`: for tests; else a device may name only
    public https addresses."""

    provider: Literal["push"] = "push"
    vapid_private_key: SecretStr
    contact: str
    fcm_service_account: SecretStr | None = None
    fcm_base_url: str | None = None
    allow_private_networks: bool = False


class FeedProvider(_Provider):
    """Our own feed, read by the merchant's application (docs/channels/in-app.md)."""

    provider: Literal["feed"] = "feed"


class WebhookProvider(_Provider):
    """A channel of the merchant's own: `url` is posted to, signed with `secret` (Standard Webhooks, `whsec_...`)."""

    provider: Literal["webhook"] = "webhook"
    url: str
    secret: SecretStr


EmailProvider = Annotated[SandboxProvider | SendGridProvider | SmtpProvider, Field(discriminator="provider")]
SmsProvider = Annotated[SandboxProvider | TwilioProvider, Field(discriminator="provider")]
PushProviders = Annotated[SandboxProvider | PushProvider, Field(discriminator="provider")]
InAppProvider = Annotated[SandboxProvider | FeedProvider, Field(discriminator="provider")]
WebhookProviders = Annotated[SandboxProvider | WebhookProvider, Field(discriminator="provider")]


class Providers(BaseModel):
    """Who carries each channel; left out, the sandbox's outbox."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: EmailProvider = SandboxProvider()
    sms: SmsProvider = SandboxProvider()
    push: PushProviders = SandboxProvider()
    in_app: InAppProvider = SandboxProvider()
    webhook: WebhookProviders = SandboxProvider()

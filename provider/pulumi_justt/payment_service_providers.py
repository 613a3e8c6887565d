"""Which credentials Justt needs for each payment service provider (PSP), and where a merchant finds them.

Justt publishes no complete table of this. Each fact therefore has its origin: Justt's documents, the PSP's own ones, or
an inference. `make docs` writes the table into docs/reference, and `pulumi-justt doctor` warns of credentials that
differ from it. Nothing is refused because of it: only Justt knows what it accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pulumi_justt.credentials import ApiKey, ApiKeyOnly, BasicAuth, CredentialType, Hmac, PublicSecretKey
from pulumi_justt.errors import nearest

__all__ = ["NAMES", "PROVIDERS", "Fact", "Origin", "PaymentServiceProvider", "nearest_name", "provider_of"]

Origin: TypeAlias = Literal["Justt", "the PSP", "inferred"]
"""Who documents a fact. Without a document, it is inferred from names of fields and from how other vendors do it."""


@dataclass(frozen=True)
class Fact:
    """A fact about a PSP.

    Args:
        subject: What it is about: a field of the credentials, or the permissions of the key.
        text: The fact, as a phrase or a sentence.
        origin: Who documents it.
    """

    subject: str
    text: str
    origin: Origin


@dataclass(frozen=True)
class PaymentServiceProvider:
    """A PSP and its credentials.

    Args:
        name: The PSP's name.
        source: The source of its integrations.
        credentials: The class of its credentials.
        origin: Who documents that these belong together.
        facts: Where to find each field, which permissions the key needs, and what else to do.
        other_sources: Other spellings of the source.
    """

    name: str
    source: str
    credentials: type[CredentialType]
    origin: Origin
    facts: tuple[Fact, ...]
    other_sources: tuple[str, ...] = ()


PROVIDERS: Final = (
    PaymentServiceProvider(
        "Stripe",
        "stripe",
        ApiKeyOnly,
        "Justt",
        (
            Fact(
                "api_key",
                "A restricted key: Stripe's Dashboard > Developers > API keys > Create restricted key > Building your "
                "own integration. Name it Justt.",
                "Justt",
            ),
            Fact(
                "permissions",
                "Read: Charges, Customers, PaymentIntents, PaymentMethods, Invoices, Subscriptions. Write: Files, and "
                "Disputes (the entry under All core resources). Older copies of the guide also have read: Reviews.",
                "Justt",
            ),
            Fact(
                "webhook",
                "Optional and recommended: with a webhook, Justt receives transactions at once. Enter its signing "
                "secret (`whsec_...`) in Justt's hub, since the API has no field for it.",
                "Justt",
            ),
        ),
    ),
    PaymentServiceProvider(
        "Adyen",
        "adyen",
        Hmac,
        "inferred",
        (
            Fact("api_key", "Customer Area > Developers > API credentials > the credential > API key.", "the PSP"),
            Fact("hmac", "Customer Area > Developers > Webhooks > the standard webhook > HMAC key.", "the PSP"),
            Fact("merchant_code", "The name of the merchant account.", "inferred"),
            Fact("account_code", "The name of the company account.", "inferred"),
            Fact(
                "permissions",
                "The role API dispute management, which Adyen's Disputes API needs. If you can't assign it, ask "
                "Adyen's support.",
                "inferred",
            ),
        ),
    ),
    PaymentServiceProvider(
        "Braintree",
        "braintree",
        PublicSecretKey,
        "inferred",
        (
            Fact("public_key", "Control Panel > the gear > API > API Keys: the public key.", "the PSP"),
            Fact("secret_key", "The private key of the same API key.", "inferred"),
            Fact(
                "permissions",
                "A user of its own with API access, and with a role that may view transactions and manage disputes.",
                "inferred",
            ),
            Fact(
                "merchant_account_codes",
                "The credentials have no field for the merchant id. If Justt asks for it, this argument of the "
                "integration is the only place.",
                "inferred",
            ),
        ),
    ),
    PaymentServiceProvider(
        "PayPal",
        "paypal",
        BasicAuth,
        "inferred",
        (
            Fact(
                "client_id",
                "Developer Dashboard > Apps & Credentials > Live > REST API apps > the app: the client ID.",
                "the PSP",
            ),
            Fact("client_secret", "The secret of the same app.", "the PSP"),
            Fact("permissions", "The feature Disputes of the app, which PayPal's Disputes API needs.", "inferred"),
        ),
    ),
    PaymentServiceProvider(
        "Shopify",
        "shopify",
        ApiKey,
        "Justt",
        (
            Fact(
                "api_key",
                "Shopify's admin > Apps > App and sales channel settings > Develop apps > Create an app. Justt's "
                "guide names an API key and a password of this app, and the API's example has one token (`shpca_...`).",
                "Justt",
            ),
            Fact("store_url", "The address of the store, such as `https://your-store.myshopify.com`.", "Justt"),
            Fact("shop_name", "The name of the store, such as `your-store`.", "Justt"),
            Fact(
                "permissions",
                "The scopes read_shopify_payments_disputes, read_shopify_payments_payouts and read_orders.",
                "Justt",
            ),
            Fact("staff user", "Invite Justt as a staff user with access to orders and customers.", "Justt"),
            Fact(
                "source",
                "Justt's list of sources has no Shopify, but Justt's documents on chargebacks call it "
                "`shopify_payments`. So ask Justt which source to use, and set `allow_unlisted=True`.",
                "inferred",
            ),
        ),
        other_sources=("shopify_payments",),
    ),
)
"""The PSPs whose credentials are documented or can be inferred."""

_OF_CHARGEBACKS = """
tabapay nmi stripe paypal amex braintree shopify_payments amazon_pay adyen other cardpointe checkout omnipay acquiring
chase nuvei authorizenet mollie firstdata fiserv elavon bluesnap vantiv dlocal payu payu-latam worldpay_mai
worldpay_iq payroc citi merlink_drs credorax dalenys worldpay_cb911 worldpay_accertify discover elavon_payment_insider
elavon_connect shift4 payplug global_payments square ebanx zen payments_hub ems_data maverick corvia payroc_canada tap
sabadell kushki worldpay klarna paysafe airwallex mangopay ecommpay iyzico lighthouse moka worldpay_wdp finix
justt_sandbox paynearme get_net bbva coinflow
"""
NAMES: Final = tuple(dict.fromkeys([*(each.source for each in PROVIDERS), *_OF_CHARGEBACKS.split()]))
"""Every PSP that Justt names in any document, in its spelling. Most of them are no listed source of an integration."""

_CUTOFF = 0.8


def provider_of(source: object) -> PaymentServiceProvider | None:
    """Return what is known about the PSP of a source, or None."""
    return next((each for each in PROVIDERS if source in (each.source, *each.other_sources)), None)


def nearest_name(source: str) -> str:
    """Return a hint such as ` (did you mean 'worldpay'?)`, or an empty text if no name of `NAMES` is similar.

    The similarity must be high: there are many names, Justt may accept a source that it names nowhere, and the text may
    be a secret in the wrong place.
    """
    return nearest(source, NAMES, cutoff=_CUTOFF)

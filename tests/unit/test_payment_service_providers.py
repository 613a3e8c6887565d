"""The table of payment service providers: it is complete, and it agrees with the credential classes."""

from __future__ import annotations

import pytest

from pulumi_justt.api.models import SOURCES
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.payment_service_providers import NAMES, PROVIDERS, PaymentServiceProvider, nearest_name, provider_of

each_provider = pytest.mark.parametrize("psp", PROVIDERS, ids=lambda psp: psp.name)


def test_each_listed_source_is_in_the_table() -> None:
    """Every source that Justt lists is in the table, except for its sandbox, which is no PSP."""
    assert {*SOURCES} - {each.source for each in PROVIDERS} == {"justt_sandbox"}


def test_the_names_are_those_of_justt() -> None:
    """The names are those of Justt's documents on chargebacks, and those of the table. None is there twice."""
    assert len(NAMES) == len({*NAMES})
    assert {*SOURCES} <= {*NAMES}
    assert {"shopify", "shopify_payments", "worldpay_cb911", "get_net", "payu-latam", "coinflow"} <= {*NAMES}
    assert len(NAMES) == 69


@each_provider
def test_each_field_has_a_place(psp: PaymentServiceProvider) -> None:
    """For each field of the credentials, the table says where to find it, and it says which permissions a key needs."""
    fields = {f.name for f in psp.credentials.wire_fields().values()}
    subjects = [fact.subject for fact in psp.facts]

    assert fields | {"permissions"} <= {*subjects}
    assert len(subjects) == len({*subjects})
    assert psp.credentials in CREDENTIAL_TYPES.values()


def test_the_origin_of_each_pair_is_honest() -> None:
    """Justt documents the class of Stripe's and Shopify's credentials, and nothing about the others."""
    by_justt = {psp.name for psp in PROVIDERS if psp.origin == "Justt"}

    assert by_justt == {"Stripe", "Shopify"}
    assert {psp.name for psp in PROVIDERS for fact in psp.facts if fact.origin == "Justt"} == by_justt


@pytest.mark.parametrize(
    ("source", "name"),
    [("stripe", "Stripe"), ("shopify", "Shopify"), ("shopify_payments", "Shopify"), ("justt_sandbox", None), (7, None)],
)
def test_a_provider_is_found_by_each_of_its_sources(source: object, name: str | None) -> None:
    """A source and its other spellings belong to the same PSP; nothing is known about another source."""
    found = provider_of(source)

    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("wordpay", " (did you mean 'worldpay'?)"),
        ("payu_latam", " (did you mean 'payu-latam'?)"),
        ("word", ""),
        ("rk_live_zen", ""),
    ],
)
def test_only_a_very_similar_name_is_suggested(source: str, hint: str) -> None:
    """A text that merely has a part of a name may be a secret, so nothing is suggested."""
    assert nearest_name(source) == hint

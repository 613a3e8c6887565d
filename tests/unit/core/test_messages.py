"""What the error of a request tells the user to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulumi_justt.core.config import Settings
from pulumi_justt.core.messages import (
    AMBIGUOUS_REMEDIATION,
    INVALID_RESPONSE_REMEDIATION,
    failed_request_remediation,
    recorded_settings_remediation,
    refusal_remediation,
)

SANDBOX = Settings.load({"environment": "sandbox"}, {})


def remediation(
    status: int, *, is_create: bool = False, account: str | None = None, origin: str = "JUSTT_API_KEY"
) -> str:
    """Return the remediation for a 3xx or 4xx response."""
    settings = replace(SANDBOX, api_key_origin=origin)
    return refusal_remediation(status, settings, is_create=is_create, account=account, was_unanswered=False)


NO_REDIRECT = "The provider follows no redirect, because its requests carry credentials: check justt:baseUrl."
NOTHING_CREATED = (
    "Nothing was created: correct what Justt names and run again. If it says that the external identifier is taken by "
    "the integration that is being replaced, give another one, or set delete_before_replace=True."
)


@pytest.mark.parametrize(
    ("status", "is_create", "account", "text"),
    [
        (
            401,
            False,
            None,
            "The key came from JUSTT_API_KEY. Set it to a key that is valid in sandbox.",
        ),
        (
            403,
            False,
            "acc_42",
            "The key from JUSTT_API_KEY may not do this with account acc_42: check the key and the account.",
        ),
        (
            403,
            True,
            None,
            "The key from JUSTT_API_KEY may not do this without an account: check the key and the account.",
        ),
        (
            404,
            False,
            "acc_42",
            (
                "The key from JUSTT_API_KEY does not see it with account acc_42 in sandbox: check the key, the account "
                "and the environment."
            ),
        ),
        (
            404,
            False,
            None,
            (
                "The key from JUSTT_API_KEY does not see it without an account in sandbox: check the key, the account "
                "and the environment."
            ),
        ),
        (413, True, None, "Shorten the credentials or the merchant account codes."),
        (
            300,
            True,
            None,
            NO_REDIRECT,
        ),
        (
            399,
            False,
            None,
            NO_REDIRECT,
        ),
        (400, True, None, NOTHING_CREATED),
        (409, True, None, NOTHING_CREATED),
        (400, False, None, "Nothing was changed: ask Justt's support, with the errorId if there is one."),
        (422, False, None, "Nothing was changed: ask Justt's support, with the errorId if there is one."),
    ],
)
def test_remediation_of_each_3xx_and_4xx(status: int, is_create: bool, account: str | None, text: str) -> None:
    """The remediation for each 3xx or 4xx response says what the user can do about the response."""
    assert text == remediation(status, is_create=is_create, account=account)


def test_remediation_after_an_unanswered_attempt() -> None:
    """If a request is refused after an unanswered attempt, the remediation says that Justt may have processed it.

    The remediation doesn't say that nothing was changed.
    """
    shown = refusal_remediation(405, SANDBOX, is_create=False, account=None, was_unanswered=True)
    assert shown == "An earlier attempt was not answered and may have been carried out: look it up at Justt."


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        (remediation(401, origin="justt:apiKey"), 3),
        (remediation(401, origin="the provider 'us'"), 3),
        ("justt:environment must be production or sandbox, not a text of 3 characters", 2),
        # A variable is never the state's copy, and the override can't replace itself.
        (remediation(401, origin="JUSTT_API_KEY"), 0),
        (remediation(401, origin="JUSTT_API_KEY_OVERRIDE"), 0),
        ("JUSTT_TIMEOUT_SECONDS must be a number from 0.1 to 600.0", 0),
        ("reading 'x': no answer within 5 s. The state was not changed: run the command again later.", 2),
        (failed_request_remediation("https://a/v1", is_unsent=True, is_rate_limited=False), 2),
        ("deactivating 'urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::a': it is gone", 0),
    ],
)
def test_remediation_of_recorded_settings(text: str, ways: int) -> None:
    """If an error may come from a setting in the state, the remediation suggests `pulumi up` or `--run-program`.

    For an API key it also suggests JUSTT_API_KEY_OVERRIDE. For other errors it is empty.
    """
    shown = recorded_settings_remediation(text)
    assert sum(way in shown for way in ("first run `pulumi up`", "--run-program", "JUSTT_API_KEY_OVERRIDE")) == ways
    assert (shown == "") is (ways == 0)


@pytest.mark.parametrize(
    ("is_unsent", "is_rate_limited", "text"),
    [
        (
            True,
            False,
            (
                "Nothing was sent: check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
                "https://p.example, then run the command "
                "again."
            ),
        ),
        (
            False,
            True,
            (
                "The account's quota is used up: run the command again later, or lower justt:requestsPerMinute in the "
                "stacks that share the key."
            ),
        ),
        (False, False, "The state was not changed: run the command again later."),
    ],
)
def test_remediation_without_a_response(is_unsent: bool, is_rate_limited: bool, text: str) -> None:
    """An unreachable API, an exhausted quota and an API that doesn't respond each have their own remediation."""
    assert text == failed_request_remediation("https://p.example", is_unsent=is_unsent, is_rate_limited=is_rate_limited)


def test_fixed_remediations() -> None:
    """The remediation of an ambiguous create warns against another `pulumi up`.

    The remediation of an invalid response says that nothing was changed in the state.
    """
    assert AMBIGUOUS_REMEDIATION == (
        "Justt may have created it, and no state knows it. Do not run `pulumi up` again before you have checked, "
        "because that could create a duplicate: look it up at Justt, and run `pulumi-justt recover`."
    )
    assert (
        INVALID_RESPONSE_REMEDIATION
        == "Nothing was changed in the state. Check justt:baseUrl for a proxy in between; if there is none, please "
        "report it."
    )

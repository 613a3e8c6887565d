"""The texts of errors about requests: the response, and what the user can do about it.

The API client raises an error of `api.errors`, and the caller says what the request was for. This module combines the
two into an error of `pulumi_justt.errors`, whose text always reads `operation: response (errorId). Remediation`.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pulumi_justt.api.errors import (
    ApiConnectionError,
    ApiError,
    ApiStatusError,
    Cancelled,
    InvalidNetworkSettings,
    InvalidRequest,
    InvalidResponseError,
    OutcomeUnknown,
)
from pulumi_justt.api.retry import AttemptResult
from pulumi_justt.core.config import Settings
from pulumi_justt.errors import (
    CancelledError,
    ConnectionSetupError,
    CreateOutcomeUnknown,
    InvalidSettings,
    JusttError,
    RequestError,
    RequestFailed,
    RequestRefused,
    UnexpectedResponse,
)
from pulumi_justt.redaction import Redactor

__all__ = [
    "AMBIGUOUS_REMEDIATION",
    "CANCELLED_REMEDIATION",
    "DEADLINE_REMEDIATION",
    "UNCONFIRMED_REMEDIATION",
    "Messages",
    "Purpose",
    "ambiguous_remediation",
    "changed_remediation",
    "creating",
    "defect",
    "failed_remediation",
    "hopeless_remediation",
    "recorded_settings_remediation",
    "unlisted_remediation",
]

_OF_A_PROVIDER = "provider '"
_SETTING = re.compile(rf"\b(justt:[a-z]\w*|{_OF_A_PROVIDER}|address http|answer within)")
"""Matches a text about a setting or about an argument of `justt.Provider`.

A resource type does not match, because its name begins with a capital.
"""
_MANY = 20
"""With more candidates than this, the first list was probably incomplete: other clients rarely create that many."""


@dataclass(frozen=True)
class Purpose:
    """The operation that a request belongs to.

    Args:
        operation: What the provider is doing, in words, for the error text.
        account: The account that the request names, if any.
        method: The HTTP method.
        is_of_one_id: Whether the path of the request names one integration.
    """

    operation: str
    account: str | None
    method: str
    is_of_one_id: bool = False


@dataclass(frozen=True)
class Messages:
    """Makes the errors of requests under one configuration.

    Args:
        settings: The address and the API key that the requests use.
        redactor: Withholds a text from Justt or a proxy that may repeat a credential.
    """

    settings: Settings
    redactor: Redactor

    def explained(self, error: ApiError, purpose: Purpose) -> JusttError:
        """Return the error to show for *error*."""
        operation = purpose.operation
        match error:
            case InvalidRequest():
                return JusttError(f"{operation}: {error}. {_INVALID_REQUEST_REMEDIATIONS[error.part]}")
            case Cancelled():
                return CancelledError(
                    operation, "it was not sent, because the engine cancelled the call", CANCELLED_REMEDIATION
                )
            case OutcomeUnknown(cause=cause):
                return CreateOutcomeUnknown(
                    operation, self.response(cause), AMBIGUOUS_REMEDIATION, self._error_id(cause)
                )
            case InvalidResponseError():
                return UnexpectedResponse(operation, self.response(error), INVALID_RESPONSE_REMEDIATION)
            case ApiStatusError(outcome=AttemptResult.REJECTED):
                return self._refused(error, purpose)
        return self._unreachable(error, operation)

    def response(self, error: ApiError) -> str:
        """Return the last response in words, and the number of attempts if there was more than one."""
        attempts = f", after {error.attempts} attempts" if error.attempts > 1 else ""
        return f"{self._last_response(error)}{attempts}"

    def _last_response(self, error: ApiError) -> str:
        match error:
            case ApiStatusError():
                message = self.redactor.redact(error.message)
                return f"Justt answered {error.status}{f': {message}' if message else ''}"
            case InvalidResponseError():
                shape = self.redactor.redact(error.shape)
                return f"Justt answered {error.status} with an undocumented shape, {shape}"
            case ApiConnectionError() if error.detail:
                detail = self.redactor.redact(error.detail, is_own=True)
                return f"{error.reason} ({detail})"
        return str(error)

    def network_settings(self, error: InvalidNetworkSettings) -> InvalidSettings:
        """Return the error for network settings of this machine that cannot be used."""
        return InvalidSettings(
            f"the network settings of this machine cannot be used ({error.variables}): {error.reason}. Nothing was "
            "sent. Correct them, and run the command again."
        )

    def _error_id(self, error: ApiError) -> str | None:
        return self.redactor.error_id(error.error_id)

    def _refused(self, error: ApiStatusError, purpose: Purpose) -> RequestRefused:
        # The API itself answers 404 only to a request for one id, because every account has a list and accepts creates.
        # And the API's own errors are JSON.
        is_of_api = purpose.is_of_one_id and error.is_json
        if error.status == HTTPStatus.NOT_FOUND and not is_of_api:
            remediation = not_of_the_api_remediation(self.settings.base_url)
        elif error.status == HTTPStatus.BAD_REQUEST and purpose.method == "GET" and purpose.is_of_one_id:
            remediation = INVALID_ID_REMEDIATION
        else:
            remediation = refusal_remediation(
                error.status,
                self.settings,
                is_create=purpose.method == "POST",
                account=purpose.account,
                was_unanswered=error.was_unanswered,
            )
        return RequestRefused(
            purpose.operation,
            self.response(error),
            remediation,
            self._error_id(error),
            status=error.status,
            after_unanswered=error.was_unanswered,
            is_of_api=is_of_api,
        )

    def _unreachable(self, error: ApiError, operation: str) -> RequestError:
        response = self.response(error)
        barrier = error.barrier if isinstance(error, ApiConnectionError) else None
        if barrier:
            remediation = PROXY_REMEDIATION if barrier == "proxy" else untrusted_remediation(self.settings.base_url)
            return ConnectionSetupError(operation, response, remediation)
        remediation = failed_request_remediation(
            self.settings.base_url,
            is_unsent=error.outcome is AttemptResult.UNSENT and error.attempts > 0 and not error.was_unanswered,
            is_rate_limited=error.outcome is AttemptResult.RATE_LIMITED,
            is_redirect=isinstance(error, ApiStatusError) and error.status == HTTPStatus.SEE_OTHER,
        )
        return RequestFailed(operation, response, remediation, self._error_id(error), is_cut_short=error.is_cut_short)


_INVALID_REQUEST_REMEDIATIONS = {
    "size": "Shorten the credentials or the merchant account codes.",
    "text": "Correct that argument.",
    "id": "Look the id up at Justt.",
    "account": "Correct the account.",
}


UNCHECKED = "Do not run `pulumi up` again before you have checked, because that could create a duplicate"
"""A part of every error about a create whose outcome is unknown."""

AMBIGUOUS_REMEDIATION = (
    f"Justt may have created it, and no state knows it. {UNCHECKED}: look it up at Justt, and run "
    "`pulumi-justt recover`."
)


CANCELLED_REMEDIATION = "Nothing was created: run `pulumi up` again."


def failed_remediation(*, is_owned: bool) -> str:
    """Return what the user can do about an integration that is FAILED.

    Args:
        is_owned: Whether this stack manages it, and has not only adopted it.
    """
    if not is_owned:
        return "This stack does not own it: have its owner correct it at Justt."
    return (
        "Look at Justt for the reason, correct its credentials and run `pulumi up`, which replaces it; or, if it was "
        "corrected at Justt, run `pulumi refresh`."
    )


def hopeless_remediation(status: str, *, is_managed: bool) -> str:
    """Return what the user can do about an integration that is FAILED or INACTIVE after a wait for it.

    Args:
        status: FAILED or INACTIVE.
        is_managed: Whether this stack created it.
    """
    if not is_managed:
        return (
            "This stack does not manage it: have its owner correct it, then run `pulumi up` again, which waits again."
        )
    if status == "INACTIVE":
        return (
            "That is final. Run `pulumi refresh`, which removes it from the state, and then `pulumi up`, which creates "
            "a new one."
        )
    return (
        "It stays in the state. Look at Justt for the reason, correct its credentials and run `pulumi up`, which "
        "replaces it; or, if it was corrected at Justt, only run `pulumi up` again."
    )


DEADLINE_REMEDIATION = (
    "It stays in the state. Check at Justt why it is not ready, and run `pulumi up` again, which waits again, or give "
    "the IntegrationReady more timeout_seconds."
)


def defect(call: str, error: BaseException, *, is_in_doubt: bool) -> str:
    """Return the error text for a bug in this package.

    Args:
        call: The provider method that the engine called.
        error: The unexpected exception. The text omits its message, which may quote a secret value.
        is_in_doubt: Whether a create was sent whose outcome is unknown.
    """
    remediation = AMBIGUOUS_REMEDIATION if is_in_doubt else "The state was not changed."
    where = traceback.extract_tb(error.__traceback__, limit=-1)[0]
    return (
        f"{call}: an error inside pulumi-justt, {type(error).__name__} at {Path(where.filename).name}:{where.lineno}. "
        f"{remediation} Please report it with what JUSTT_DEBUG=1 prints."
    )


def creating(source: str, external_identifier: str) -> str:
    """Return the operation of a create, for an error text."""
    return f"creating the {source} integration {external_identifier!r}"


def ambiguous_remediation(candidates: Sequence[tuple[str, str]], *, is_proof: bool) -> str:
    """Return what the user can do about a create whose outcome is unknown.

    Args:
        candidates: The ids and statuses of the new integrations with the same source.
        is_proof: Whether the lists that were compared are known to be complete.
    """
    doubt = "" if is_proof else " (not certain: the account's list was too long, or changed while it was read)"
    if not candidates:
        return (
            f"Justt may have created it anyway, although it lists no new integration with this source{doubt}. "
            f"{UNCHECKED}: look at Justt after some minutes. If it is there, run `pulumi-justt recover`; "
            "if it is not, run `pulumi-justt recover --forget`. Then run `pulumi up`."
        )
    listed = ", ".join(f"{integration_id} ({status})" for integration_id, status in candidates)
    many = (
        f" There are {len(candidates)} of them, so the list that was read before the create was probably incomplete."
        if len(candidates) > _MANY
        else ""
    )
    likely = next((i for i, status in candidates if status != "INACTIVE"), candidates[0][0])
    return (
        f"Justt may have created it. New integrations with this source{doubt}: {listed}.{many} {UNCHECKED}: find out "
        f"at Justt which one is yours. Then run `pulumi-justt recover --claim {likely}` (its id) to make it this "
        "resource's integration. This works for a replacement, too. Or run `pulumi-justt recover --deactivate "
        f'{likely}` to create another one. A new resource can also take it over with adopt_id="{likely}". If none is '
        "yours, run `pulumi-justt recover --forget`. Then run `pulumi up`."
    )


def changed_remediation(integration_id: str) -> str:
    """Return what the user can do if an earlier create may have sent other inputs than the program has now."""
    return (
        f"integration {integration_id} may have other credentials or another name than the program gives now. An input "
        "of the resource or the Justt API key has changed since that create was sent, or an older version of "
        "pulumi-justt sent it. Nothing was changed. Restore the earlier input and run `pulumi up`; or run "
        f"`pulumi-justt recover --deactivate {integration_id}` and then `pulumi up`, which creates another one."
    )


def unlisted_remediation(error: str) -> str:
    """Return what the user can do if the account's list could not be read after a create was lost."""
    return (
        f"Justt may have created it, and the provider could not find out ({error}). {UNCHECKED}: look at Justt first. "
        "If it is there, run `pulumi-justt recover --claim ID` with its id. This works for a replacement, too. If it "
        "is not there, run `pulumi-justt recover --forget`. Then run `pulumi up`."
    )


INVALID_RESPONSE_REMEDIATION = (
    "Nothing was changed in the state. Check justt:baseUrl for a proxy in between; if there is none, please report it."
)


def untrusted_remediation(base_url: str) -> str:
    """Return what the user can do about a certificate that this machine does not trust."""
    return (
        f"Nothing was sent. If your network or proxy uses its own certificate authority for {base_url}, set "
        "SSL_CERT_FILE to that authority's PEM file (or SSL_CERT_DIR to a folder of them). If the "
        "certificate has expired or is another host's, correct the server, justt:baseUrl or this machine's clock."
    )


PROXY_REMEDIATION = (
    "Nothing was sent. Give HTTPS_PROXY (or ALL_PROXY) the user and password that the proxy wants, as "
    "http://USER:PASSWORD@HOST:PORT, or name Justt's host in NO_PROXY if it can be reached without the proxy."
)


_REDIRECT_REMEDIATION = "The provider follows no redirect, because its requests carry credentials: check justt:baseUrl."


UNCONFIRMED_REMEDIATION = (
    "Justt does not show it as INACTIVE, so it stays in the state. A proxy or a login page may have answered instead "
    "of Justt: check the network and justt:baseUrl, then run the command again."
)


def refusal_remediation(
    status: int, settings: Settings, *, is_create: bool, account: str | None, was_unanswered: bool
) -> str:
    """Return what the user can do about a response with *status*.

    Args:
        status: The HTTP status.
        settings: The configuration that the request used.
        is_create: Whether the request was a create.
        account: The account that the request named, if any.
        was_unanswered: Whether Justt may have carried out an earlier attempt.
    """
    where = f"with account {account}" if account else "without an account"
    key_origin, environment = settings.api_key_origin, settings.environment
    remediations = {
        401: f"The key came from {key_origin}. Set it to a key that is valid in {environment}.",
        403: f"The key from {key_origin} may not do this {where}: check the key and the account.",
        404: (
            f"The key from {key_origin} does not see it {where} in {environment}: check the key, the account and the "
            "environment."
        ),
        407: PROXY_REMEDIATION,
        413: "Shorten the credentials or the merchant account codes.",
    }
    if 300 <= status < 400:  # noqa: PLR2004 - the HTTP status class
        return _REDIRECT_REMEDIATION
    if status in remediations:
        return remediations[status]
    if is_create:
        return (
            "Nothing was created: correct what Justt names and run again. If it says that the external identifier is "
            "taken by the integration that is being replaced, give another one, or set delete_before_replace=True."
        )
    if was_unanswered:
        return "An earlier attempt was not answered and may have been carried out: look it up at Justt."
    return "Nothing was changed: ask Justt's support, with the errorId if there is one."


def recorded_settings_remediation(text: str, *, is_delete: bool = False) -> str:
    """Return the sentences to add to the error *text* of a command that runs no program, or an empty text.

    Such a command uses the state's copy of the configuration, so only an error about a setting needs the addition.
    Environment variables are not copied into the state.

    Args:
        text: The text of the error.
        is_delete: Whether a delete has failed. It may belong to an update whose program has no integration any more,
            and such an update uses the copy, too.
    """
    settings = _SETTING.findall(text)
    if not settings:
        return ""
    is_key = any(each in ("justt:apiKey", _OF_A_PROVIDER) for each in settings)
    key = ", or set JUSTT_API_KEY_OVERRIDE for that command" if is_key else ""
    return (
        "Without --run-program, refresh and destroy use the state's copy of the configuration. After you change the "
        f"configuration, add --run-program, or first run `pulumi up` without --refresh{key}."
        f"{' If the program has no integration any more, put one back for that.' if is_delete else ''}"
    )


def not_of_the_api_remediation(base_url: str) -> str:
    """Return what the user can do about a 404 that is about the address and not about an integration."""
    return f"There seems to be no Justt API at {base_url}: check justt:baseUrl, which usually ends in /v1."


INVALID_ID_REMEDIATION = "A 400 here means that the id itself is not valid, whatever the account is: correct the id."


def failed_request_remediation(
    base_url: str, *, is_unsent: bool, is_rate_limited: bool, is_redirect: bool = False
) -> str:
    """Return what the user can do if there was no usable response.

    Args:
        base_url: The address of the API.
        is_unsent: Whether every attempt failed to connect.
        is_rate_limited: Whether the last response was a 429.
        is_redirect: Whether the last response was a redirect after which the request may have been carried out.
    """
    if is_redirect:
        return _REDIRECT_REMEDIATION
    if is_unsent:
        return (
            "Nothing was sent: check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
            f"{base_url}, then run the command again."
        )
    if is_rate_limited:
        return (
            "The account's quota is used up: run the command again later, or lower justt:requestsPerMinute in the "
            "stacks that share the key."
        )
    return "The state was not changed: run the command again later."

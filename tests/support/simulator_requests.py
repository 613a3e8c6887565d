"""Bodies and headers for requests that tests send to the simulator without the client of this package."""

from __future__ import annotations

import ssl

CANARY = "canary-7f3b9c"
# Nothing here uses TLS, and loading the system's certificates would take longer than most tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def new_body(**changes: object) -> dict[str, object]:
    """Return a valid create body with some fields changed; an Ellipsis removes a field."""
    body: dict[str, object] = {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": CANARY},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def end_body(integration_id: str, **changes: object) -> dict[str, object]:
    """Return a valid body of a deactivation, dated some days before now."""
    return {
        "integrationId": integration_id,
        "deactivationType": "postingDate",
        "deactivationDate": "2027-01-01T00:00:00Z",
        **changes,
    }


def account_header(account: str | None) -> dict[str, str]:
    """Return the header that selects an account, or no header."""
    return {} if account is None else {"reference-account-id": account}

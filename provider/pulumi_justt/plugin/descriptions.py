"""What each property means, for editors and for SDKs in other languages. Python programs read `resources`."""

from __future__ import annotations

__all__ = ["ARGUMENTS", "DESCRIPTIONS", "SETTINGS", "WAITS"]

DESCRIPTIONS = {
    "externalIdentifier": "Your own identifier for the connection, 1 to 255 characters.",
    "integrationName": "The name that Justt shows. The API cannot rename an integration, so a new name replaces it.",
    "source": "The payment service provider.",
    "secretType": "The type of the credentials, which decides the fields of `secretPayload`.",
    "secretPayload": "How Justt signs in to the payment service provider. Only identifiers of the merchant are plain.",
    "secretReferences": "Fields of `secretPayload` that a variable or a file holds. The state never has their values.",
    "merchantAccountCodes": "The merchant accounts that the integration covers, in any order.",
    "referenceAccountId": "The Justt account, if the API key has access to several. Default: that of the provider.",
    "deactivation": "When Justt stops the integration after it is deleted or replaced. Default: immediately.",
    "deactivationType": "The chargeback date that Justt compares with the time of deactivation.",
    "afterDays": "Whole days from the deletion to the deactivation. Default: 0.",
    "deactivationDate": "The time of deactivation in UTC, such as `2027-01-31T00:00:00Z`, in place of `afterDays`.",
    "adoptId": "The id of an existing integration to adopt. The stack does not deactivate it.",
    "allowUnlisted": "Whether to accept a source or credentials that are not in Justt's documented lists.",
    "deletionProtection": "Whether to refuse deletes. Replacements, such as a rotation, are still allowed.",
    "environment": "The Justt environment of the integration.",
    "integrationId": "The integration's id at Justt, which is also the resource's id.",
    "status": "PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh.",
    "goLiveDate": "When the integration goes live; absent until Justt returns it.",
    "timeoutSeconds": "The longest wait, in whole seconds from 1 to 86400. Default: 300.",
}
"""The text for each property, by the API's name."""

WAITS = {
    "integrationId": "The id of the integration to wait for.",
    "externalIdentifier": "The integration's `externalIdentifier`, for messages.",
    "source": "The integration's `source`, for messages.",
    "referenceAccountId": "The integration's `referenceAccountId`, if it has one. Default: that of the provider.",
    "status": "SUCCESSFUL after the wait. A later refresh can change it.",
}
"""The texts for the properties of `IntegrationReady` that differ from those above."""

ARGUMENTS = {
    "integrationId": "The integration's id at Justt.",
    "referenceAccountId": "The Justt account, if the API key has access to several. Default: that of the provider.",
    "source": "Only integrations of this payment service provider.",
    "status": "Only integrations with this status.",
}
"""The text for each argument of a function or a list."""

SETTINGS = {
    "apiKey": "The API key. Always set it with `--secret`. Previews do not need it.",
    "environment": "`production` (default) or `sandbox`. Use one stack for each.",
    "baseUrl": (
        "Another https address of that environment, or any address of this machine, which makes the environment a "
        "simulator."
    ),
    "referenceAccountId": "The account of resources that do not set one.",
    "requestsPerMinute": "The share of each provider process in Justt's 1,000 requests a minute; default 950.",
    "timeoutSeconds": "The time limit of one request; default 30.",
    "onAmbiguousCreate": "`refuse` (default) or `adopt`: what to do if the response to a create was lost.",
}
"""The text for each setting, as in the table of `core.config`."""

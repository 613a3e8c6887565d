"""What each property means, for editors and for SDKs in other languages. Python programs read `resources`."""

from __future__ import annotations

__all__ = ["DESCRIPTIONS"]

DESCRIPTIONS = {
    "externalIdentifier": "Your own identifier for the connection, 1 to 255 characters.",
    "integrationName": "The name that Justt shows. The API cannot rename an integration, so a new name replaces it.",
    "source": "The payment service provider.",
    "secretType": "The type of the credentials, which decides the fields of `secretPayload`.",
    "secretPayload": "How Justt signs in to the payment service provider. The state encrypts each field.",
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

"""The texts of the plugin: the API's names in place of the Python names, and values as they are."""

from __future__ import annotations

import re

import pytest

import error_source
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.plugin.names import in_api_names
from pulumi_justt.schema import INTEGRATION, READY

ARGUMENTS = {each.argument for each in (*INTEGRATION, *READY) if "_" in each.argument}
FIELDS = {f.name for shape in CREDENTIAL_TYPES.values() for f in shape.wire_fields().values() if "_" in f.name}
PYTHON = re.compile(
    rf"\b({'|'.join(sorted(ARGUMENTS | FIELDS | {shape.__name__ for shape in CREDENTIAL_TYPES.values()}))})\b"
    r"|\w=(True|False)\b|^credentials[.:]"
)


@pytest.mark.parametrize(
    ("python", "api"),
    [
        ("external_identifier: is required", "externalIdentifier: is required"),
        ("credentials: is required", "secretType: is required"),
        ("credentials: the secret type 'X' is not in the list", "secretType: the secret type 'X' is not in the list"),
        ("credentials.api_key: is required by ApiKeyOnly", "secretPayload.apiKey: is required by APIKEY_ONLY"),
        (
            "credentials.password: is missing: Sftp needs password or private_key",
            "secretPayload.password: is missing: sftp needs password or privateKey",
        ),
        ("credentials: must be an object, got text", "secretPayload: must be an object, got text"),
        (
            "credentials.api_key: is not a valid reference: use from_env or from_file",
            "secretReferences.apiKey: is not a valid reference: use fromEnv or fromFile",
        ),
        ("credentials: a reference must be known", "secretReferences: a reference must be known"),
        ("it has deletion_protection=True.", "it has deletionProtection: true."),
        ('add adopt_id="adopt_id" here', 'add adoptId: "adopt_id" here'),
        (
            "deactivation: takes date or after_days, not both",
            "deactivation: takes deactivationDate or afterDays, not both",
        ),
        ("deactivation.date: must be a UTC time", "deactivation.deactivationDate: must be a UTC time"),
        (
            "integration_name: must be text, got number: write it in quotes, or str(...)",
            "integrationName: must be text, got number: write it in quotes",
        ),
        ("integration: is required", "integrationId: is required"),
        ("integration.source: must be text", "source: must be text"),
        (
            "source: must be text, got number: write it in quotes, or str(...)",
            "source: must be text, got number: write it in quotes",
        ),
        (
            "externalIdentifer: is not an argument (did you mean 'external_identifier'?)",
            "externalIdentifer: is not a property (did you mean 'externalIdentifier'?)",
        ),
        (
            "credentials.apiKye: is not a field of ApiKeyOnly (did you mean 'api_key'?)",
            "secretPayload.apiKye: is not a field of APIKEY_ONLY (did you mean 'apiKey'?)",
        ),
        (
            "credentials: must be one line without control characters",
            "secretType: must be one line without control characters",
        ),
        ("credentials: the references must be an object", "secretReferences: must be an object"),
        (
            "credentials.… (a text of 16 characters): is not a valid reference",
            "secretReferences.… (a text of 16 characters): is not a valid reference",
        ),
        ("use justt.UnlistedSource(...), or set allow_unlisted=True", "set allowUnlisted: true"),
    ],
)
def test_a_text_gets_the_names_of_the_api(python: str, api: str) -> None:
    """Properties, credential fields, classes and flags have the API's names."""
    assert in_api_names(python) == api


@pytest.mark.parametrize(
    "text",
    [
        "the stripe integration 'adopt_id' is Justt's, and 'api_key' too.",
        "run `pulumi-justt list --api_key`",
        "api_key: is not a field of the object",
        "a text\n  File provider.py, in create: adopt_id=True",
    ],
)
def test_values_commands_and_frames_stay_as_they_are(text: str) -> None:
    """A quoted value, a command, an unknown name of the program and a stack frame are not changed."""
    assert in_api_names(text) == text


def test_no_text_of_the_core_keeps_a_python_name() -> None:
    """Each text that the core and its clients raise, show or yield has no Python name in the plugin."""
    texts = {
        in_api_names(text.text)
        for source in error_source.package()
        for text in source.texts
        if text.place.startswith(("core.", "credentials.", "references.", "values.", "api."))
        and not text.place.startswith("credentials.CredentialType.from_output")
    }

    assert len(texts) > 200
    assert {text for text in texts if PYTHON.search(re.sub(r"`[^`]*`|'[^']*'", "", text))} == set()

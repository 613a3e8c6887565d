"""Property paths in resource options: their translation, their rejection, and the suggestions in the errors."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi import ResourceOptions

from pulumi_justt import from_env, from_file
from pulumi_justt.credentials import wire_name
from pulumi_justt.resource_options import with_checked_paths, with_checked_ready_paths

INPUT_OPTIONS = ("ignore_changes", "replace_on_changes", "hide_diffs")


def checked(
    path: str, *, option: str = "ignore_changes", shape: object = "APIKEY_ONLY", **payload: object
) -> list[str]:
    """Return the value that an option with one given path has after the check."""
    opts = ResourceOptions()
    setattr(opts, option, [path])
    result = with_checked_paths(opts, shape, payload)
    assert result is not None
    paths = getattr(result, option)
    assert isinstance(paths, list)
    return paths


@pytest.mark.parametrize("option", INPUT_OPTIONS)
@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("*", "*"),
        ("external_identifier", "externalIdentifier"),
        ("integration_name", "integrationName"),
        ("source", "source"),
        ("secret_type", "secretType"),
        ("merchant_account_codes", "merchantAccountCodes"),
        ("reference_account_id", "referenceAccountId"),
        ("deactivation", "deactivation"),
        ("allow_unlisted", "allowUnlisted"),
        ("deletion_protection", "deletionProtection"),
        ("externalIdentifier", "externalIdentifier"),
        ("secretPayload", "secretPayload"),
        ("secretPayload.apiKey", "secretPayload.apiKey"),
        ('secretPayload["apiKey"]', 'secretPayload["apiKey"]'),
        ("secretPayload.*", "secretPayload.*"),
        ("secretPayload[*]", "secretPayload[*]"),
        ("merchant_account_codes[*]", "merchantAccountCodes[*]"),
        ("merchantAccountCodes[*]", "merchantAccountCodes[*]"),
        ("deactivation.afterDays", "deactivation.afterDays"),
        ('deactivation["deactivationDate"]', 'deactivation["deactivationDate"]'),
    ],
)
def test_a_path_is_translated_to_the_state_s_names(option: str, given: str, becomes: str) -> None:
    """In the options for inputs, a path may begin with a Python name or the API's name.

    The check translates this first name, and keeps the rest of the path unchanged.
    """
    assert checked(given, option=option) == [becomes]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ('["source"]', ("source",)),
        ('["secretPayload"].apiKey', ("secretPayload", "apiKey")),
        ('["secretPayload"]["apiKey"]', ("secretPayload", "apiKey")),
        ('["merchant_account_codes"][*]', ("merchantAccountCodes", "*")),
    ],
)
def test_a_path_may_begin_with_a_quoted_bracket(given: str, meant: tuple[str, ...]) -> None:
    """A path that begins with a quoted bracket becomes a path that the engine finds.

    The engine reads `["a"].b` as `a.b`.
    """
    (path,) = checked(given)

    assert tuple(
        path.replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "").strip(".").split(".")
    ) == (meant)


@pytest.mark.parametrize("option", INPUT_OPTIONS)
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("credentials", "the state has no 'credentials', so the engine would ignore it; use 'secretPayload'"),
        (
            "credentials.api_key",
            "the state has no 'credentials.api_key', so the engine would ignore it; use 'secretPayload.apiKey'",
        ),
        ("secret_payload", "the state has no 'secret_payload', so the engine would ignore it; use 'secretPayload'"),
        (
            "secret_payload.apiKey",
            "the state has no 'secret_payload.apiKey', so the engine would ignore it; use 'secretPayload.apiKey'",
        ),
        (
            'secret_payload["api_key"]',
            "the state has no 'secret_payload[\"api_key\"]', so the engine would ignore it; use 'secretPayload.apiKey'",
        ),
        (
            "secretPayload.api_key",
            "'secretPayload' has no 'api_key', so the engine would ignore it; use 'secretPayload.apiKey'",
        ),
        (
            "secretPayload.apiKy",
            "'secretPayload' has no 'apiKy', so the engine would ignore it (did you mean 'apiKey'?)",
        ),
        ("secretPayload.shopName", "'secretPayload' has no 'shopName', so the engine would ignore it"),
        (
            "deactivation.after_days",
            "'deactivation' has no 'after_days', so the engine would ignore it; use 'deactivation.afterDays'",
        ),
        ("sourc", "'sourc' is not a property (did you mean 'source'?)"),
        ("integration-name", "'integration-name' is not a property (did you mean 'integrationName'?)"),
        ("zzz", "'zzz' is not a property"),
        ("status", "'status' is an output; only inputs are compared"),
        ("go_live_date", "'go_live_date' is an output; only inputs are compared"),
        ("integrationId", "'integrationId' is an output; only inputs are compared"),
        ("environment", "'environment' is an output; only inputs are compared"),
        ("", "'' is not a property path"),
        ("...", "'...' is not a property path"),
    ],
)
def test_a_path_that_the_engine_would_ignore_is_refused(option: str, given: str, text: str) -> None:
    """If an option has a path that the state lacks, the error names the option and the path.

    If the path resembles a valid one, the error suggests the valid path.
    """
    with pytest.raises(ValueError, match=f"^{option}: ") as refused:
        checked(given, option=option)

    assert str(refused.value) == f"{option}: {text}"


@pytest.mark.parametrize(
    ("given", "right"),
    [("deactivation.type", "deactivation.deactivationType"), ("deactivation.date", "deactivation.deactivationDate")],
)
def test_an_argument_of_deactivation_is_refused_by_the_right_name(given: str, right: str) -> None:
    """If a path has a deactivation's argument name, `type` or `date`, the error shows the name in the state."""
    with pytest.raises(ValueError, match=right):
        checked(given)


@pytest.mark.parametrize(
    "given", ["secretPayload[apiKey]", 'secretPayload["apiKey"', "source.name", "secretPayload.apiKey.first"]
)
def test_a_path_that_cannot_match_is_refused(given: str) -> None:
    """The check refuses a malformed path, and a path below a string. The engine would silently ignore both."""
    with pytest.raises(ValueError, match="ignore_changes"):
        checked(given)


@pytest.mark.parametrize("secret_type", ["OAUTH2", object()])
def test_any_payload_field_is_accepted_for_unlisted_types(secret_type: object) -> None:
    """If the secret type is unlisted or an unknown Output, a path may name any field of the payload."""
    assert checked("secretPayload.whatever", shape=secret_type) == ["secretPayload.whatever"]


@pytest.mark.parametrize(
    "given",
    [
        "secretReferences",
        "secretReferences.apiKey",
        "secretReferences.apiKey.version",
        'secretReferences["apiKey"].fromEnv',
        "secretReferences.hmac.fromFile",
        "secretReferences.*.version",
        "secretPayload",
        "secretPayload.merchantCode",
    ],
)
def test_the_parts_of_a_reference_are_accepted(given: str) -> None:
    """If a credential is a reference, a path may name the reference or one of its parts."""
    payload: dict[str, Any] = {"apiKey": from_env("KEY"), "hmac": from_file("key.pem"), "merchantCode": "M-1"}
    assert checked(given, shape="HMAC", **payload) == [given]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("secretReferences.apiKey.from_env", "; use 'secretReferences.apiKey.fromEnv'"),
        ("secretReferences.apiKey.versio", " (did you mean 'version'?)"),
        ("secretReferences.apiKey.fromFile", " (did you mean"),
        ("secretReferences.apiKey.version.major", ""),
        ("secretReferences.api_key.version", "; use 'secretReferences.apiKey.version'"),
        ("secretPayload.apiKey", "; use 'secretReferences.apiKey'"),
        ("secretPayload.apiKey.version", "; use 'secretReferences.apiKey.version'"),
        ("secretPayload.*.version", "; use 'secretReferences.*.version'"),
        ("secretPayload.hmac.version", "; use 'secretPayload.hmac'"),
        (
            "secretReferences.hmac.version",
            "; 'hmac' is a value, not a reference (from_env, from_file), so use 'secretPayload.hmac'",
        ),
        (
            "secretReferences.accountCode.version",
            "; 'accountCode' is a value, not a reference (from_env, from_file), so use 'secretPayload.accountCode'",
        ),
    ],
)
def test_a_part_that_a_credential_lacks_is_refused(given: str, hint: str) -> None:
    """If a path names a part that a credential lacks, the error suggests the valid path.

    If the credential is a value, the error says so.
    """
    with pytest.raises(ValueError, match="so the engine would ignore it") as refused:
        checked(given, shape="HMAC", apiKey=from_env("KEY"), hmac="a value")
    name, _, missing = given.partition(".")
    assert str(refused.value).startswith(
        f"ignore_changes: {name!r} has no {missing!r}, so the engine would ignore it{hint}"
    )


@pytest.mark.parametrize("shape", ["APIKEY_ONLY", "OAUTH2"])
def test_a_property_without_fields_is_refused(shape: str) -> None:
    """If all credentials are references, a path to `secretPayload` is refused, because the state doesn't have it.

    If all are values, a path to `secretReferences` is refused. The error names the other property.
    """
    for given, payload, right in (
        ("secretPayload", {"apiKey": from_env("KEY")}, "secretReferences"),
        ("secretPayload.*", {"apiKey": from_env("KEY")}, "secretReferences"),
        ("secretReferences", {"apiKey": "value"}, "secretPayload"),
    ):
        with pytest.raises(ValueError, match=f"; use '{right}'"):
            checked(given, shape=shape, **payload)


def test_references_cannot_become_secrets() -> None:
    """`additional_secret_outputs` refuses `secretReferences`.

    A reviewer must be able to see which variable or file is used.
    """
    with pytest.raises(ValueError, match="references are not secrets"):
        checked("secretReferences", option="additional_secret_outputs", apiKey=from_env("KEY"))


def test_a_python_name_in_a_reference_gets_a_suggestion() -> None:
    """If a path to a part of a reference has Python names, the error suggests the path with the state's names."""
    with pytest.raises(ValueError, match=r"use 'secretReferences\.apiKey\.version'"):
        checked("credentials.api_key.version", apiKey=from_env("KEY"))


@pytest.mark.parametrize(
    "opts", [ResourceOptions(version="1.2.3"), ResourceOptions(plugin_download_url="https://example.com")]
)
def test_the_version_of_a_plugin_is_refused(opts: ResourceOptions) -> None:
    """A resource with a plugin version or download URL is refused.

    The engine would run the resource in another process, which doesn't share the quota.
    """
    with pytest.raises(ValueError, match=r"this provider has no plugin with a version; pin pulumi-justt"):
        with_checked_paths(opts, "APIKEY_ONLY", {})


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("status", "status"),
        ("go_live_date", "goLiveDate"),
        ("goLiveDate", "goLiveDate"),
        ("environment", "environment"),
        ("secret_payload", "secretPayload"),
        ("merchant_account_codes", "merchantAccountCodes"),
    ],
)
def test_a_secret_output_is_translated_to_the_state_s_name(given: str, becomes: str) -> None:
    """`additional_secret_outputs` accepts inputs and outputs by their Python names and by the API's names."""
    assert checked(given, option="additional_secret_outputs") == [becomes]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("statu", "'statu' is not a property (did you mean 'status'?)"),
        ("integration_id", "integration_id is the resource's id, which is never secret: remove it from this option"),
        ("integrationId", "integrationId is the resource's id, which is never secret: remove it from this option"),
        ("secretPayload.apiKey", "'secretPayload.apiKey' is not a property (did you mean 'secretPayload'?)"),
    ],
)
def test_a_secret_output_that_does_not_exist_is_refused(given: str, text: str) -> None:
    """`additional_secret_outputs` refuses an unknown name and the path of a part.

    The engine would ignore both, so the property would stay readable.
    """
    with pytest.raises(ValueError, match="additional_secret_outputs") as refused:
        checked(given, option="additional_secret_outputs")

    assert str(refused.value) == f"additional_secret_outputs: {text}"


def test_no_options_stay_none() -> None:
    """For a resource without options, the check returns None."""
    assert with_checked_paths(None, "APIKEY_ONLY", {}) is None


def test_the_caller_s_options_are_not_changed() -> None:
    """The check changes only a copy of the options, because a program may use one object for several resources."""
    opts = ResourceOptions(
        protect=True, ignore_changes=["integration_name"], additional_secret_outputs=["go_live_date"]
    )

    result = with_checked_paths(opts, "APIKEY_ONLY", {})

    assert result is not None
    assert result.protect is True
    assert result.ignore_changes == ["integrationName"]
    assert opts.ignore_changes == ["integration_name"]
    assert opts.additional_secret_outputs == ["go_live_date"]


def test_every_path_of_an_option_is_checked() -> None:
    """If an option has a wrong path after two valid ones, the check refuses the wrong path."""
    with pytest.raises(ValueError, match="zzz"):
        with_checked_paths(ResourceOptions(ignore_changes=["source", "integrationName", "zzz"]), "APIKEY_ONLY", {})


def test_a_credential_field_that_does_not_exist_is_not_proposed() -> None:
    """If a path names a credential field that doesn't exist, the error suggests no path."""
    with pytest.raises(ValueError, match="no 'nosuch'") as refused:
        checked("credentials.nosuch")
    assert "say" not in str(refused.value)


def test_one_account_code_cannot_be_named() -> None:
    """The check refuses a path to one item of `merchantAccountCodes`.

    The list is sorted in the state but not in the program, so an index would mean two codes.
    """
    with pytest.raises(ValueError, match="the list has no order, so name the whole list"):
        checked("merchantAccountCodes[0]")


def test_the_import_option_is_refused_with_an_explanation() -> None:
    """A resource with the option `import_` is refused, and the error names `adopt_id` and `pulumi-justt import`.

    The engine can't import into a dynamic provider.
    """
    with pytest.raises(ValueError, match=r"set adopt_id on the resource instead.* or run `pulumi-justt import`"):
        with_checked_paths(ResourceOptions(import_="an-id"), "APIKEY_ONLY", {})


@pytest.mark.parametrize("path", ["timeoutSeconds", "timeout_seconds", "integration_id", "*"])
def test_the_paths_of_a_wait_are_translated(path: str) -> None:
    """In the options of an `IntegrationReady`, a path may use the name in the program or in the state."""
    checked = with_checked_ready_paths(ResourceOptions(ignore_changes=[path]))

    assert checked is not None
    assert checked.ignore_changes == [path if path == "*" else wire_name(path)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_changes": ["timeout"]}, r"'timeout' is not a property \(did you mean 'timeoutSeconds'\?\)"),
        ({"ignore_changes": ["integration"]}, r"'integration' is not a property \(did you mean 'integrationId'\?\)"),
        ({"replace_on_changes": ["status"]}, "'status' is an output; only inputs are compared"),
        ({"ignore_changes": ["timeoutSeconds.a"]}, "'timeoutSeconds' has no 'a'"),
        ({"ignore_changes": ["secretPayload"]}, "'secretPayload' is not a property"),
        ({"ignore_changes": ["credentials.api_key"]}, "'credentials' is not a property"),
        ({"additional_secret_outputs": ["secretPayload"]}, "'secretPayload' is not a property"),
        ({"import_": "an-id"}, "an IntegrationReady does not exist at Justt, so let `pulumi up` create it"),
    ],
)
def test_paths_that_a_wait_lacks_are_refused(options: dict[str, Any], message: str) -> None:
    """The options of an `IntegrationReady` refuse paths to credentials, to outputs and to parts of a property."""
    with pytest.raises(ValueError, match=message):
        with_checked_ready_paths(ResourceOptions(**options))


def test_the_secret_outputs_of_a_wait_are_translated() -> None:
    """`additional_secret_outputs` of an `IntegrationReady` accepts an output's Python name."""
    checked = with_checked_ready_paths(ResourceOptions(additional_secret_outputs=["go_live_date"]))

    assert checked is not None
    assert checked.additional_secret_outputs == ["goLiveDate"]
    assert with_checked_ready_paths(None) is None

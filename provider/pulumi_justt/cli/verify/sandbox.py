"""The settings with which `pulumi-justt verify` reaches the sandbox, and no other environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pulumi_justt.cli.stacks import Configuration, Stack
from pulumi_justt.core.config import VENDOR_URLS, Settings
from pulumi_justt.errors import InvalidSettings

__all__ = ["sandbox_settings"]


def sandbox_settings(stacks: Sequence[Stack], environ: Mapping[str, str]) -> Settings:
    """Return the settings of the first stack, or of the JUSTT_* variables, for the sandbox or for a simulator.

    Args:
        stacks: The stack with the API key; empty if there is no project.
        environ: The environment variables.

    Raises:
        StackError: The stack's configuration could not be read.
        InvalidSettings: The settings are invalid, or they may lead to production.
        InvalidSettings: The API key is that of production.
    """
    if not stacks:
        settings = _sandbox({}, lambda values: Settings.load(values, environ))
        if environ.get("JUSTT_ENVIRONMENT") == "production":
            return _without_production(settings, "JUSTT_ENVIRONMENT is production", "Set it to sandbox")
        return settings
    stack = stacks[0]
    configuration = stack.configuration()
    given = configuration.values
    settings = _sandbox(given, lambda values: stack.settings(Configuration(values, configuration.has_plain_key)))
    # Without a name and an address, the environment is production.
    address = given.get("baseUrl") or stack.environ.get("JUSTT_BASE_URL")
    environment = (
        given.get("environment") or stack.environ.get("JUSTT_ENVIRONMENT") or ("" if address else "production")
    )
    if environment == "production":
        return _without_production(
            settings,
            f"{stack.called} is for production",
            "Name a stack of the sandbox with --stack (if this one is, run `pulumi config set justt:environment "
            f"sandbox{stack.option}`)",
        )
    return settings


def _sandbox(values: Mapping[str, object], load: Callable[[Mapping[str, object]], Settings]) -> Settings:
    """Return the settings that *load* returns for the sandbox or for a simulator.

    Raises:
        InvalidSettings: The settings are invalid, or they may lead to production.
    """
    try:
        settings = load({**values, "environment": "sandbox"})
    except InvalidSettings:
        # With an address of this machine, the environment is a simulator, and no setting may say otherwise.
        settings = load(values)
        if settings.environment != "simulator":
            raise
        return settings
    # Nothing shows to which environment another address leads, so the configuration has to say it.
    if settings.base_url != VENDOR_URLS["sandbox"] and load(values).environment != "sandbox":
        raise InvalidSettings(
            f"the base URL {settings.base_url} is not Justt's own, and the configuration does not say that it leads to "
            "the sandbox. Nothing was sent. If it does, set justt:environment or JUSTT_ENVIRONMENT to sandbox"
        )
    return settings


def _without_production(settings: Settings, reason: str, remediation: str) -> Settings:
    """Return *settings* of an environment other than production, without what is production's.

    Args:
        settings: The settings for the sandbox or for a simulator.
        reason: Why the configured API key is that of production, as the beginning of an error.
        remediation: What to do about it.

    Raises:
        InvalidSettings: The API key is that of production.
    """
    if settings.environment == "simulator":
        return settings
    if settings.is_overridden:
        return replace(settings, reference_account_id=None)
    raise InvalidSettings(
        f"{reason}, so its API key must not be sent to the sandbox. Nothing was sent. {remediation}, or set "
        "JUSTT_API_KEY_OVERRIDE to a key of the sandbox for this command"
    )

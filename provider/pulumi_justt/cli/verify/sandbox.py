"""The settings with which `pulumi-justt verify` reaches the sandbox, and no other environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
    """
    if not stacks:
        return _sandbox({}, lambda values: Settings.load(values, environ))
    stack = stacks[0]
    configuration = stack.configuration()
    return _sandbox(
        configuration.values, lambda values: stack.settings(Configuration(values, configuration.has_plain_key))
    )


def _sandbox(values: Mapping[str, object], load: Callable[[Mapping[str, object]], Settings]) -> Settings:
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

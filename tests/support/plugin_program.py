"""Makes the resources of a test's program those of the plugin: same arguments, other types. A program imports it."""

from __future__ import annotations

from typing import Any

import pulumi

import pulumi_justt as justt
from pulumi_justt import resources

_SETTINGS = ("environment", "baseUrl", "requestsPerMinute", "timeoutSeconds", "onAmbiguousCreate")


def _register(
    self: resources._JusttResource, resource_name: str, properties: dict[str, Any], opts: pulumi.ResourceOptions | None
) -> None:
    names = [each.name for each in self._properties]
    kind = f"justt:index:{type(self).__name__}"
    pulumi.CustomResource.__init__(self, kind, resource_name, {**dict.fromkeys(names), **properties}, opts)


class _Provider(pulumi.ProviderResource):
    def __init__(
        self,
        resource_name: str,
        *,
        api_key: pulumi.Input[str],
        reference_account_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        settings = {name: pulumi.Config("justt").get(name) for name in _SETTINGS}
        given = {"apiKey": api_key, "referenceAccountId": reference_account_id}
        super().__init__("justt", resource_name, {**settings, **given}, opts)


resources._JusttResource._register = _register  # type: ignore[method-assign]
justt.Provider = _Provider  # type: ignore[assignment,misc]

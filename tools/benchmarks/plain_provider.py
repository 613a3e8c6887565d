"""A dynamic provider for the same API as a tutorial would write it; `make bench` and `make faults` compare with it.

The comparison is fair: this provider stores itself in plain text, and reads the stack's configuration in `configure`,
so its state has the fields of `PaymentIntegration` and no others. It marks its secrets, sends all requests with one
client, has a timeout, raises for error statuses, and treats a 404 as a deleted resource.
"""

from __future__ import annotations

from typing import Any

import httpx
import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

_BODY = ("externalIdentifier", "integrationName", "source", "secretType", "secretPayload", "merchantAccountCodes")
_ACCOUNT = "referenceAccountId"


class PlainProvider(ResourceProvider):
    """Create, read, replace and delete, each with one request."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Make the client. The SDK calls this once in each provider process, and never before it pickles a provider."""
        self._client = httpx.Client(
            base_url=req.config.require("justt:baseUrl"),
            headers={"authorization": f"Bearer {req.config.require('justt:apiKey')}"},
            timeout=float(req.config.require("justt:timeoutSeconds")),
            trust_env=False,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Send a POST, and take the id from the response."""
        body = {name: props[name] for name in _BODY if name in props}
        answer = self._request(props, "POST", "/integrations", body)
        return CreateResult(answer["integrationId"], {**props, "status": "PENDING"})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Send a GET; after a 404, the resource is gone."""
        try:
            answer = self._request(props, "GET", f"/integrations/{id_}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return ReadResult(None, {})
            raise
        if answer["status"] == "INACTIVE":
            return ReadResult(None, {})
        return ReadResult(id_, {**props, "status": answer["status"]})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Replace on any change."""
        changed = [name for name in (*_BODY, _ACCOUNT) if olds.get(name) != news.get(name)]
        return DiffResult(changes=bool(changed), replaces=changed)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record the inputs."""
        return UpdateResult(news)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Send a DELETE; a 404 is a success."""
        body = {
            "integrationId": id_,
            "deactivationType": "postingDate",
            "deactivationDate": "2026-01-01T00:00:00Z",
        }
        try:
            self._request(props, "DELETE", f"/integrations/{id_}", body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise

    def _request(
        self, props: dict[str, Any], method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {"reference-account-id": props[_ACCOUNT]} if _ACCOUNT in props else {}
        response = self._client.request(method, path, json=body, headers=headers)
        response.raise_for_status()
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer


class PlainIntegration(Resource, module="justt", name="PlainIntegration"):
    """The resource, with the properties of the API's create call."""

    def __init__(self, name: str, properties: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        """Pass all properties to the provider."""
        super().__init__(PlainProvider(), name, {**properties, "status": None}, opts)

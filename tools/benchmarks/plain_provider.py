"""A dynamic provider for the same API as a tutorial would write it; `make faults` compares with it.

The comparison is fair: this provider marks its secrets, has a timeout, raises for error statuses and treats a 404 as a
deleted resource.
"""

from __future__ import annotations

from typing import Any

import httpx
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult


class PlainProvider(ResourceProvider):
    """Create, read, replace and delete, each with one request."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Send a POST, and take the id from the response."""
        answer = _request(props, "POST", "/integrations", props["body"])
        return CreateResult(answer["integrationId"], {**props, "status": "PENDING"})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Send a GET; after a 404, the resource is gone."""
        try:
            answer = _request(props, "GET", f"/integrations/{id_}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return ReadResult(None, {})
            raise
        if answer["status"] == "INACTIVE":
            return ReadResult(None, {})
        return ReadResult(id_, {**props, "status": answer["status"]})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Replace on any change."""
        is_changed = olds["body"] != news["body"]
        return DiffResult(changes=is_changed, replaces=["body"] if is_changed else [])

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
            _request(props, "DELETE", f"/integrations/{id_}", body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise


def _request(props: dict[str, Any], method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {props['api_key']}"}
    url, timeout = props["base_url"] + path, float(props["timeout"])
    response = httpx.request(method, url, json=body, headers=headers, timeout=timeout, trust_env=False)
    response.raise_for_status()
    answer: dict[str, Any] = response.json() if response.content else {}
    return answer


class PlainIntegration(Resource):
    """The resource, with the body of the API's create call."""

    def __init__(self, name: str, body: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        """Pass all properties to the provider."""
        config = pulumi.Config("justt")
        props = {
            "base_url": config.require("baseUrl"),
            "api_key": config.require_secret("apiKey"),
            "timeout": config.require("timeoutSeconds"),
            "body": body,
            "status": None,
        }
        super().__init__(PlainProvider(), name, props, opts)

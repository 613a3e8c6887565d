"""How this company connects a payment service provider to Justt: one resource, with all that we agreed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

import pulumi_justt as justt

__all__ = ["CompanyIntegration", "CompanyIntegrationArgs"]

RUN_OUT = justt.Deactivation(type="postingDate", after_days=7)
"""What is replaced or removed works for another week, for the chargebacks that are on their way."""


@dataclass(frozen=True, kw_only=True)
class CompanyIntegrationArgs:
    """What differs from one integration to the next.

    Args:
        brand: Which of our brands is paid.
        region: Where.
        source: The payment service provider.
        credentials: How Justt signs in there.
        merchant_account_codes: The merchant accounts covered; default is all.
        ready_within_seconds: How long an update may wait until Justt has tried the credentials; None waits for nothing.
        deletion_protection: Whether deletes are refused; rotations are not. Default is True in the stack `production`.
    """

    brand: str
    region: Literal["eu", "us"]
    source: justt.Source
    credentials: justt.credentials.Credentials
    merchant_account_codes: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    ready_within_seconds: int | None = 300
    deletion_protection: bool | None = None


class CompanyIntegration(pulumi.ComponentResource):
    """An integration that is named, proved, protected and deactivated as this company does it.

    Args:
        name: The component's name in the stack, and that of the integration in it.
        args: What differs from the next one.
        opts: Options of the component.
    """

    integration_id: pulumi.Output[str]
    """The id at Justt."""

    status: pulumi.Output[str]
    """PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh; known once it was waited for."""

    def __init__(self, name: str, args: CompanyIntegrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("acme:payments:Integration", name, None, opts)
        stack = pulumi.get_stack()
        integration = justt.PaymentIntegration(
            name,
            external_identifier=f"acme-{args.brand}-{args.source}-{args.region}-{stack}",
            integration_name=f"Acme {args.brand.title()}, {args.source}, {args.region.upper()} ({stack})",
            source=args.source,
            credentials=args.credentials,
            merchant_account_codes=args.merchant_account_codes,
            deactivation=RUN_OUT,
            deletion_protection=(
                stack == "production" if args.deletion_protection is None else args.deletion_protection
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.integration_id = integration.integration_id
        self.status = integration.status
        if args.ready_within_seconds is not None:
            self.status = justt.IntegrationReady(
                f"{name}-ready",
                integration=integration,
                timeout_seconds=args.ready_within_seconds,
                opts=pulumi.ResourceOptions(parent=self),
            ).status
        self.register_outputs({"integrationId": self.integration_id, "status": self.status})

"""Connect a payment service provider to Justt in the way that this company has agreed on, as one resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

import pulumi_justt as justt

__all__ = ["CompanyIntegration", "CompanyIntegrationArgs"]

RUN_OUT = justt.Deactivation(type="postingDate", after_days=7)
"""An integration that is replaced or removed works for another week, for late chargebacks."""


@dataclass(frozen=True, kw_only=True)
class CompanyIntegrationArgs:
    """The arguments that differ from one integration to the next.

    Args:
        brand: The brand that receives the payments.
        region: The region of the brand's shop.
        source: The payment service provider.
        credentials: The credentials with which Justt signs in to the provider.
        merchant_account_codes: The merchant accounts that the integration covers; default is all.
        ready_within_seconds: How long an update waits for Justt to verify the credentials; None does not wait.
        deletion_protection: Whether to refuse deletes, but not rotations; default is True in the stack `production`.
    """

    brand: str
    region: Literal["eu", "us"]
    source: justt.Source
    credentials: justt.credentials.Credentials
    merchant_account_codes: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    ready_within_seconds: int | None = 300
    deletion_protection: bool | None = None


class CompanyIntegration(pulumi.ComponentResource):
    """An integration with this company's rules for names, verification, protection and deactivation.

    Args:
        name: The name of the component in the stack, and of the integration in it.
        args: The arguments of this integration.
        opts: Options of the component.
    """

    integration_id: pulumi.Output[str]
    """The id at Justt."""

    status: pulumi.Output[str]
    """PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh, or the result of the wait."""

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

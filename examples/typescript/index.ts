// Connect two payment service providers to Justt. A new Stripe key has no gap: the old integration is deactivated only
// after the new one works, and a week later.

import * as justt from "@pulumi/justt";
import * as pulumi from "@pulumi/pulumi";

const secrets = new pulumi.Config();

const stripe = new justt.PaymentIntegration("stripe", {
    externalIdentifier: "stripe-main",
    integrationName: "Stripe",
    source: "stripe",
    secretType: "APIKEY_ONLY",
    secretPayload: { apiKey: secrets.requireSecret("stripeRestrictedKey") },
    deactivation: { deactivationType: "postingDate", afterDays: 7 },
});
const ready = new justt.IntegrationReady("stripe-ready", {
    integrationId: stripe.integrationId,
    timeoutSeconds: 300,
});

const adyen = new justt.PaymentIntegration("adyen", {
    externalIdentifier: "adyen-main",
    integrationName: "Adyen",
    source: "adyen",
    secretType: "HMAC",
    secretPayload: {
        apiKey: secrets.requireSecret("adyenApiKey"),
        hmac: secrets.requireSecret("adyenHmac"),
        merchantCode: "ExampleMerchantEU",
    },
    merchantAccountCodes: ["ExampleMerchantEU"],
});

export const stripeId = stripe.integrationId;
export const stripeStatus = ready.status;
export const adyenId = adyen.integrationId;

terraform {
  required_providers {
    restapi = { source = "Mastercard/restapi" }
  }
}

variable "base_url" { type = string }
variable "integrations" { type = number }
variable "api_key" {
  type      = string
  sensitive = true
}
variable "secret" {
  type      = string
  sensitive = true
}

provider "restapi" {
  uri                   = var.base_url
  headers               = { Authorization = "Bearer ${var.api_key}", Content-Type = "application/json" }
  id_attribute          = "integrationId"
  create_returns_object = true
  timeout               = 30
  # Justt's DELETE needs the id in its body too, which this provider can't send. A GET costs the same, but deactivates
  # nothing.
  destroy_method = "GET"
}

resource "restapi_object" "integration" {
  count = var.integrations
  path  = "/integrations"
  data = jsonencode({
    externalIdentifier   = "integration-${count.index}"
    integrationName      = "Integration ${count.index}"
    source               = "stripe"
    secretType           = "APIKEY_ONLY"
    secretPayload        = { apiKey = "${var.secret}-${count.index}" }
    merchantAccountCodes = ["acct_1", "acct_2"]
  })
  force_new = [sha256(var.secret)]

  lifecycle {
    create_before_destroy = true
  }
}

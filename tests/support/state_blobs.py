"""The SDK's pickles of our providers, as every state holds them."""

from __future__ import annotations

# Every state that was ever written names the class by this text. Python's pickle of another version reads it, too.
BLOB = "gASVNAAAAAAAAACMFXB1bHVtaV9qdXN0dC5wcm92aWRlcpSME0ludGVncmF0aW9uUHJvdmlkZXKUk5QpgZQu"
READINESS_BLOB = "gASVMgAAAAAAAACMFXB1bHVtaV9qdXN0dC5wcm92aWRlcpSMEVJlYWRpbmVzc1Byb3ZpZGVylJOUKYGULg=="

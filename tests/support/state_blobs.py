"""The pickles of this package's providers, as the SDK writes them into every state."""

from __future__ import annotations

# Every recorded state refers to the class by this text. Other versions of Python must be able to unpickle it.
BLOB = "gASVNAAAAAAAAACMFXB1bHVtaV9qdXN0dC5wcm92aWRlcpSME0ludGVncmF0aW9uUHJvdmlkZXKUk5QpgZQu"
READINESS_BLOB = "gASVMgAAAAAAAACMFXB1bHVtaV9qdXN0dC5wcm92aWRlcpSMEVJlYWRpbmVzc1Byb3ZpZGVylJOUKYGULg=="

"""Stands in for the transit engine of HashiCorp Vault, which encrypts the keys of the tests' stacks.

With a passphrase, each command derives the stack's key from it, and that takes a fifth of the command's CPU time.
"""

from __future__ import annotations

import json
import secrets
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["PROVIDER", "variables"]

PROVIDER = "hashivault://tests"
"""The secrets provider of a stack whose key this service encrypts."""

_TOKEN = secrets.token_urlsafe()
_KEYS: dict[str, str] = {}
"""The keys of the stacks, by the ciphertexts that stand for them."""


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.path.removeprefix("/v1/transit/").removesuffix("/tests")
        if self.headers["X-Vault-Token"] != _TOKEN:
            self._respond(403, errors=["permission denied"])
        elif operation == "encrypt":
            ciphertext = f"vault:v1:{secrets.token_urlsafe()}"
            _KEYS[ciphertext] = given["plaintext"]
            self._respond(200, data={"ciphertext": ciphertext})
        elif operation == "decrypt" and given["ciphertext"] in _KEYS:
            self._respond(200, data={"plaintext": _KEYS[given["ciphertext"]]})
        else:
            self._respond(400, errors=["invalid ciphertext"])

    def _respond(self, status: int, **content: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Log no request."""


@cache
def variables() -> dict[str, str]:
    """Start the service, once in a process, and return the variables with which the CLI uses it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}", "VAULT_SERVER_TOKEN": _TOKEN}

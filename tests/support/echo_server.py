"""A server that repeats the credentials it received wherever a response has room: the worst case for error texts."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import Self

__all__ = ["EchoServer"]


class EchoServer(ThreadingHTTPServer):
    """A server on localhost. The external identifier of a create selects the response, for example its status.

    Attributes:
        reading: The response to reads and deactivations; `record` is a record whose source is the first credential.
        listing: The response to lists; 200 is an empty list, `record` a record whose id is the first credential.
        new_id: The id of the next create; by default, each create gets a new one.
        form: The encoding in which it repeats the credentials.
        secrets: The credentials of the last request: the API key, and the credential `apiKey`.
        given: Each credential that it ever received.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reading = self.listing = "200"
        self.new_id: str | None = None
        self.form: Callable[[str], str] = str
        self.secrets = ["", ""]
        self.given: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Self:
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: EchoServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond to a list request or to a request for one record, as the test has configured."""
        if "?" in self.path:
            self.server.secrets[0] = self.headers["authorization"].removeprefix("Bearer ")
            if self.server.listing == "200":
                self._send(200, b"[]")
            elif self.server.listing == "record":
                self._send(200, json.dumps([self._record(self.server.form(self.server.given[0]), "stripe")]).encode())
            else:
                self._answer(self.server.listing)
        elif self.server.reading == "record":
            record = self._record(self.path.rpartition("/")[2], self.server.form(self.server.given[0]))
            self._send(200, json.dumps(record).encode())
        else:
            self._answer(self.server.reading)

    @staticmethod
    def _record(integration_id: str, source: str) -> dict[str, str]:
        return {"integrationId": integration_id, "source": source, "status": "PENDING"}

    def do_DELETE(self) -> None:
        """Respond to a deactivation in the same way as to a read."""
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(self.server.reading)

    def do_POST(self) -> None:
        """Respond to a create as its external identifier says."""
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.secrets = [self.headers["authorization"].removeprefix("Bearer "), body["secretPayload"]["apiKey"]]
        self.server.given.append(body["secretPayload"]["apiKey"])
        self._answer(body["externalIdentifier"])

    def _answer(self, fate: str) -> None:
        key, payload = self.server.secrets
        forms = f"{b64encode(payload.encode()).decode()} {key.encode().hex()} {payload[:-4]} {key[4:]}"
        repeated = " ".join(map(self.server.form, [*self.server.given, key]))
        message = f"{payload} in {key}, {forms}" if self.server.form is str else "no"
        said = {"message": f"{message} {repeated}", "errorId": f"e-{payload}", key: payload, "status": key}
        if fate == "201":
            new_id = self.server.new_id or f"int-{len(self.server.given)}"
            self._send(201, json.dumps({"integrationId": new_id, "message": key}).encode())
        elif fate == "shape":
            self._send(201, json.dumps({"result": [said], payload: {key: payload}}).encode())
        elif fate == "html":
            self._send(502, f"<html><title>{payload}</title>{key}</html>".encode())
        elif fate == "cut":
            self._send(201, json.dumps(said).encode(), is_cut=True)
        else:
            self._send(int(fate), json.dumps(said).encode())

    def _send(self, status: int, content: bytes, *, is_cut: bool = False) -> None:
        self.send_response(status, " ".join(self.server.secrets).strip() or "OK")
        self.send_header("content-length", str(len(content) + is_cut))
        for secret in filter(None, self.server.secrets):
            self.send_header("location", f"http://127.0.0.1/{secret}")
            self.send_header("set-cookie", f"a={secret}")
            self.send_header("retry-after", secret)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = is_cut

    def log_message(self, *_: object) -> None:
        """Log nothing."""

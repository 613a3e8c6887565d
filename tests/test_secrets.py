"""Where secrets are and where they are not: every byte that leaves is searched, through the real engine."""

from __future__ import annotations

import re

import leaks
from conftest import canary
from harness import Stack
from pulumi_justt.simulator import SimulatorServer, payload_digest

REFERENCES = """
    justt.PaymentIntegration(
        "mixed",
        external_identifier="mixed",
        integration_name="Mixed",
        source="adyen",
        credentials=justt.credentials.Hmac(
            hmac={hmac},
            api_key=secret("stripeKey"),
            merchant_code="M-1",
        ),
    )
    justt.PaymentIntegration(
        "sftp",
        external_identifier="sftp",
        integration_name="SFTP",
        source="braintree",
        credentials=justt.credentials.Sftp(
            username=justt.from_env("SFTP_USER"), private_key=justt.from_file("keys/sftp.pem", version={version})
        ),
    )
"""
FROM_ENV = 'justt.from_env("ADYEN_HMAC")'


def program(hmac: str = FROM_ENV, version: int = 1) -> str:
    """Give a program with values and references, of variables and of a file, in one payload."""
    return REFERENCES.replace("{hmac}", hmac).replace("{version}", str(version))


def live_digests(simulator: SimulatorServer) -> dict[str, str]:
    """Give the digest of the payload that each integration that is not over was created with."""
    return {
        each.external_identifier: each.payload_digest
        for each in simulator.records.integrations()
        if each.status != "INACTIVE"
    }


class TestReferences:
    """Credentials that the program only refers to."""

    def test_life(self, stack: Stack, simulator: SimulatorServer) -> None:
        """The value is sent, and is in no state, not even encrypted; only create needs it; `version` rotates it."""
        hmac, user, pem = canary("hmac"), canary("user"), f"-----BEGIN\n{canary('pem')}\n-----END\n"
        key = stack.secrets[-1]
        file = stack.folder / "project" / "keys" / "sftp.pem"
        file.parent.mkdir()
        file.write_text(pem)
        referred = [hmac, user, pem.splitlines()[1]]
        stack.program(program())

        # Nothing is needed to preview.
        shown = stack.preview().stdout
        assert re.search(r'apiKey +: \[secret\]\n +hmac +: \{\n +fromEnv: "ADYEN_HMAC"\n +version: 1', shown), shown
        assert simulator.requests == []

        # All that is missing is one error, before any request.
        file.unlink()
        text = stack.up("--continue-on-error", fails=True).text
        assert "credentials.hmac comes from the variable 'ADYEN_HMAC', which is not set where pulumi runs. Noth" in text
        assert (
            "creating the braintree integration 'sftp': credentials.private_key comes from the file 'keys/sftp.pem' in "
            f"{stack.folder / 'project'}, which cannot be read: No such file or directory; credentials.username comes "
            "from the variable 'SFTP_USER', which is not set where pulumi runs. Nothing was sent."
        ) in text
        assert simulator.requests == []

        file.write_text(pem)
        stack.secrets += referred
        stack.up(ADYEN_HMAC=hmac, SFTP_USER=user)
        assert live_digests(simulator) == {
            "mixed": payload_digest({"hmac": hmac, "apiKey": key, "merchantCode": "M-1"}),
            "sftp": payload_digest({"username": user, "privateKey": pem}),
        }
        inputs = stack.resources()["sftp"]["inputs"]
        assert inputs["secretPayload"] == {
            "username": {"fromEnv": "SFTP_USER", "version": 1},
            "privateKey": {"fromFile": "keys/sftp.pem", "version": 1},
        }
        assert stack.resources()["sftp"]["outputs"]["secretPayload"] == inputs["secretPayload"]
        assert leaks.find(stack.decrypted(), referred) == []

        # Neither is it needed for anything but create, and another value is nobody's business until `version` says so.
        file.unlink()
        assert "3 unchanged" in stack.up().text
        stack.refresh()
        file.write_text(pem.replace("END", "END!"))
        stack.program(program(version=2))
        shown = stack.preview().stdout
        assert re.search(r"~ privateKey: \{\n +~ version: 1 => 2\n", shown), shown
        stack.up(SFTP_USER=user)
        assert live_digests(simulator)["sftp"] == payload_digest(
            {"username": user, "privateKey": pem.replace("END", "END!")}
        )
        stack.destroy()
        assert live_digests(simulator) == {}

    def test_from_value_to_reference_and_back(self, stack: Stack, simulator: SimulatorServer) -> None:
        """The preview names the field and shows the reference; the present state has the value only while it is one."""
        value, other = canary("value"), canary("other")
        stack.config(secret={"hmac": value})
        stack.secrets.append(other)
        stack.environ |= {"ADYEN_HMAC": other, "SFTP_USER": canary("user")}
        (stack.folder / "project" / "keys").mkdir()
        (stack.folder / "project" / "keys" / "sftp.pem").write_text("key\n")
        stack.program(program('secret("hmac")'))
        stack.up()
        assert leaks.find(stack.decrypted(), [value]) != []

        stack.program(program())
        shown = stack.preview().stdout
        assert re.search(
            r'~ secretPayload: \{\n +- hmac: \[secret\]\n +\+ hmac: \{\n +\+ fromEnv: "ADYEN_HMAC"\n', shown
        ), shown
        stack.up()
        stack.run("config", "rm", "hmac", "--stack", "dev")
        stack.up("--refresh")
        assert leaks.find(stack.decrypted(), [value, other]) == []
        assert live_digests(simulator)["mixed"] == payload_digest(
            {"hmac": other, "apiKey": stack.secrets[1], "merchantCode": "M-1"}
        )

        stack.config(secret={"hmac": value})
        stack.program(program('secret("hmac")'))
        shown = stack.preview().stdout
        assert re.search(
            r'- hmac: \{\n +- fromEnv: "ADYEN_HMAC"\n +- version: 1\n +\}\n +\+ hmac: \[secret\]\n', shown
        ), shown
        stack.up()
        assert live_digests(simulator)["mixed"] == payload_digest(
            {"hmac": value, "apiKey": stack.secrets[1], "merchantCode": "M-1"}
        )

"""The warnings of `pulumi-justt doctor` about references whose variables or files are missing on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.fake_pulumi import FakePulumi, integration
from support.secret_scanner import canary

ONLY = ("doctor", "--only", "references", "--stack", "dev")


def referring(name: str, integration_id: str = "id-1", **fields: dict[str, str]) -> dict[str, Any]:
    """Return an integration in a state whose credentials are references."""
    references = {field: {**place, "version": 1} for field, place in fields.items()}
    return integration(name, integration_id, secretType="APIKEY_ONLY", secretReferences=references)


def warnings(project: FakePulumi, **environ: str) -> list[str]:
    """Return the texts of the warnings."""
    result = project.run(*ONLY, "--json", environ=environ)
    assert result.exit_code == 0, result.output
    return [check["text"] for check in json.loads(result.stdout)["checks"] if check["verdict"] == "warning"]


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ({"fromEnv": "SET"}, None),
        ({"fromEnv": "ABSENT"}, "the variable 'ABSENT', which is not set where pulumi runs"),
        ({"fromEnv": "EMPTY"}, "the variable 'EMPTY', which is empty where pulumi runs"),
        ({"fromFile": "keys/stripe"}, None),
        ({"fromFile": "keys/other"}, "the file '{folder}/keys/other', which cannot be read: No such file or directory"),
        ({"fromFile": "~/stripe"}, None),
        ({"fromFile": "~/other"}, "the file '~/other', which cannot be read: No such file or directory"),
    ],
)
def test_a_missing_variable_or_file_is_a_warning(
    project: FakePulumi, tmp_path: Path, place: dict[str, str], problem: str | None
) -> None:
    """Doctor looks for the variable in its environment, and for the file in the program's folder. It shows no value."""
    value = canary("reference")
    for file in (project.project / "keys" / "stripe", tmp_path / "home" / "stripe"):
        file.parent.mkdir(parents=True)
        file.write_text(value)
    project.state([referring("made", apiKey=place)])
    environ = {"SET": value, "EMPTY": " ", "HOME": str(tmp_path / "home")}

    expected = problem and problem.format(folder=project.project)
    assert warnings(project, **environ) == (
        [f"made (id-1): credentials.api_key comes from {expected}."] if expected else []
    )
    shown = project.run(*ONLY, environ=environ).output
    assert ("ok: references of dev: the variables and files of all references exist here." in shown) is (
        expected is None
    )
    assert value not in shown


def test_one_variable_of_many_integrations_is_one_warning(project: FakePulumi) -> None:
    """Integrations that need the same variable are one paragraph."""
    project.state([referring(name, f"id-{name}", apiKey={"fromEnv": "ABSENT"}) for name in ("a", "b", "c")])
    shown = project.run(*ONLY)
    first, others, remediation = shown.stdout.splitlines()
    assert first.startswith(
        "warning: references of dev: a (id-a): credentials.api_key comes from the variable 'ABSENT'"
    )
    assert others == "    Likewise for: b (id-b), c (id-c)"
    assert remediation.startswith("    A `pulumi up` that creates or replaces the integration needs it on its machine.")
    assert shown.stderr == "0 findings, 0 not checked, 1 warning\n"


def test_only_references_of_the_stacks_own_integrations_are_checked(project: FakePulumi) -> None:
    """Without references, or for an integration that the stack only reads or has replaced, there is no result."""
    absent = referring("made", apiKey={"fromEnv": "ABSENT"})
    project.state([integration("plain", "id-2"), {**absent, "external": True}, {**absent, "delete": True}])
    assert (project.run(*ONLY).stdout, warnings(project)) == ("", [])

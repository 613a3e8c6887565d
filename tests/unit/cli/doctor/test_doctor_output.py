"""`pulumi-justt doctor` for people: results with the same cause are one, and `--quiet` and `--skip` leave some out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_justt.cli.doctor import examination
from pulumi_justt.simulator import Fault, SimulatorServer
from support.fake_pulumi import FakePulumi, creating, integration

Theirs = Callable[..., str]
KEY = "a-key-of-the-simulator"
FAILED_REMEDIATION = (
    "Find the reason at Justt, then correct the credentials in the program; `pulumi up` replaces the integration."
)
ENVELOPE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


def shown(project: FakePulumi, *arguments: str, code: int) -> list[str]:
    """Run doctor with `--quiet`, assert its exit code, and return the lines of stdout."""
    result = project.run("doctor", "--quiet", *arguments)
    assert result.exit_code == code, result.output
    return result.stdout.splitlines()


def document(project: FakePulumi, *arguments: str, code: int) -> dict[str, Any]:
    """Run doctor with `--json`, assert its exit code, and return the document."""
    result = project.run("doctor", "--json", *arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def fleet(project: FakePulumi, theirs: Theirs, count: int) -> list[str]:
    """Record *count* integrations, each in an account of its own, and return their ids."""
    accounts = [f"acc_{number:02}" for number in range(count)]
    ids = [theirs(account=account) for account in accounts]
    project.state(
        [
            project.provider(**{"justt:apiKey": KEY}),
            *(
                integration(f"m{number:02}", each, referenceAccountId=account)
                for number, (each, account) in enumerate(zip(ids, accounts, strict=True))
            ),
        ]
    )
    return ids


def test_one_refused_key_is_one_finding(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """If Justt refuses the key of ten merchants with 401, doctor sends one request and shows one finding.

    One line says that the other accounts were not listed, and one that the integrations were not looked up.
    """
    fleet(project, theirs, 10)
    simulator.add_fault(Fault.parse("GET * status=401"))

    first, *others = shown(project, code=1)

    assert first.startswith("finding: apiKey: listing account acc_00 in simulator: Justt answered 401")
    assert others == [
        "not checked: account: 9 accounts were not listed, because their API key can't be used.",
        f"    {', '.join(f'acc_{number:02}' for number in range(1, 10))}",
        "not checked: integration: 10 integrations could not be looked up, because their accounts could not be listed.",
        f"    {', '.join(f'm{number:02}' for number in range(10))}",
    ]
    assert len(simulator.requests) == 1
    assert project.run("doctor").stderr == "1 finding, 2 not checked\n"
    found = document(project, code=1)
    assert (found["findings"], found["notChecked"]) == (1, 19)


def test_a_missing_key_is_one_finding(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """If there is no API key, doctor says so once, however many accounts need it, and sends no request."""
    fleet(project, theirs, 3)
    project.config({"justt:baseUrl": simulator.base_url})

    found = [line for line in shown(project, "--skip", "recordedKey", code=1) if line.startswith("finding")]

    assert len(found) == 1
    assert found[0].startswith("finding: apiKey: no Justt API key: run `pulumi config set --secret justt:apiKey`")
    assert simulator.requests == []


def test_accounts_that_a_key_may_not_read_are_one_finding(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """A 403 may concern one account, so doctor tries each account, and shows accounts with the same response as one.

    An account with another response is a result of its own.
    """
    fleet(project, theirs, 4)
    simulator.add_fault(Fault.parse("GET * status=403 times=3"))
    simulator.add_fault(Fault.parse("GET * status=400"))

    first, likewise, other, *_ = shown(project, "--only", "apiKey", code=1)

    assert first.startswith("finding: apiKey: listing account acc_00 in simulator: Justt answered 403")
    assert likewise == "    Likewise for: acc_01, acc_02"
    assert other.startswith("not checked: account: listing account acc_03 in simulator: Justt answered 400")
    assert document(project, "--only", "apiKey", code=3)["notChecked"] == 4


def test_integrations_with_the_same_problem_are_one_finding(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """Doctor shows integrations with the same problem and the same remediation once, with a line for each.

    The line names the account if they have several. `--json` keeps one entry for each.
    """
    ids = fleet(project, theirs, 4)
    for each in ids[:3]:
        simulator.records.set_status(each, "FAILED")
    simulator.records.set_status(ids[3], "INACTIVE")

    lines = shown(project, code=1)

    assert lines == [
        "finding: integration: 3 integrations are FAILED: Justt could not use their credentials.",
        f"    account acc_00: m00 ({ids[0]})",
        f"    account acc_01: m01 ({ids[1]})",
        f"    account acc_02: m02 ({ids[2]})",
        f"    {FAILED_REMEDIATION}",
        f"finding: integration: m03 ({ids[3]}) is INACTIVE at Justt, which is final.",
        "    Run `pulumi refresh` to update the state; the next `pulumi up` creates a new integration if needed.",
    ]
    found = document(project, "--quiet", code=1)
    assert [(each["integrationId"], each["referenceAccountId"]) for each in found["checks"]] == [
        (each, f"acc_{number:02}") for number, each in enumerate(ids)
    ]
    assert (found["findings"], found["notChecked"]) == (4, 0)


def test_unmanaged_integrations_name_import_once(project: FakePulumi, theirs: Theirs) -> None:
    """For several unmanaged integrations, doctor names `pulumi-justt import` once, and no `adopt_id` line.

    Doctor names up to twenty of them, and says how many more there are.
    """
    project.state([project.provider()])
    one = theirs()
    assert f'adopt_id="{one}"' in " ".join(shown(project, "--stack", "dev", "--only", "unmanaged", code=1))
    two = theirs("adyen")

    lines = shown(project, "--stack", "dev", "--only", "unmanaged", code=1)

    assert lines[:3] == [
        "finding: unmanaged: 2 integrations are managed by none of the examined stacks.",
        f"    stripe {one} (PENDING)",
        f"    adyen {two} (PENDING)",
    ]
    (remediation,) = lines[3:]
    assert remediation.count("`pulumi-justt import --stack dev`") == 1
    assert "adopt_id" not in remediation
    many = [theirs() for _ in range(20)]
    lines = shown(project, "-s", "dev", "-s", "prod", "--only", "unmanaged", code=1)
    assert len(lines) == 22
    assert lines[20].endswith(" and 2 more, which --json shows")
    assert many[17] in lines[20]
    assert "`pulumi-justt import`" in lines[21]


def test_an_interrupted_create_suspects_only_its_own_account(project: FakePulumi, theirs: Theirs) -> None:
    """After an interrupted create, doctor suspects only integrations of its account and source, and names `recover`.

    Doctor lists that account even if no resource of the state uses it.
    """
    suspects = {theirs(account="acc_1"), theirs(account="acc_1")}
    others = {theirs(account="acc_2"), theirs(account="acc_2"), theirs("adyen", account="acc_1")}
    mine = theirs(account="acc_2")
    project.state(
        [project.provider(), integration("mine", mine, referenceAccountId="acc_2")],
        [creating("lost", referenceAccountId="acc_1")],
    )

    found = document(project, "--only", "unmanaged", code=1)["checks"]

    named = {each["integrationId"] for each in found if "run `pulumi-justt recover` first" in each["remediation"]}
    assert named == suspects
    assert {each["integrationId"] for each in found} == suspects | others
    lines = shown(project, "--only", "unmanaged", code=1)
    assert (
        "finding: unmanaged: 2 integrations are managed by none of the examined stacks. An interrupted create may have "
        "made one."
    ) in lines
    assert sum("Run `pulumi-justt recover` first." in line for line in lines) == 1


def test_an_interrupted_create_of_a_secret_account_suspects_all(project: FakePulumi, theirs: Theirs) -> None:
    """If the account or the source of an interrupted create is a secret, doctor suspects all that it may be."""
    stripe, adyen = theirs(account="acc_1"), theirs("adyen", account="acc_1")
    mine = theirs(account="acc_1")

    def suspects(**inputs: object) -> set[str]:
        resources = [project.provider(), integration("mine", mine, referenceAccountId="acc_1")]
        project.state(resources, [creating("lost", **inputs)])
        found = document(project, "--only", "unmanaged", code=1)["checks"]
        return {each["integrationId"] for each in found if "An interrupted create" in (each["remediation"] or "")}

    assert suspects(referenceAccountId=ENVELOPE) == {stripe}
    assert suspects(source=ENVELOPE, referenceAccountId="acc_1") == {stripe, adyen}
    assert suspects(source=ENVELOPE) == set()


def test_interrupted_operations_are_one_finding(project: FakePulumi) -> None:
    """If one kill interrupted several creates, doctor shows one finding that names each of them."""
    project.state([project.provider()], [creating("one"), creating("two")])
    first, *names, remediation = shown(project, "--only", "pending", code=1)
    assert first == "finding: pending: 2 operations were interrupted, and their results are unknown."
    assert names == ["    creating one", "    creating two"]
    assert remediation.strip().startswith("Do not run `pulumi up` before this is resolved")


def test_quiet_prints_nothing_if_all_is_well(project: FakePulumi, theirs: Theirs) -> None:
    """With `--quiet`, doctor prints nothing if there is no finding and every check could be made.

    Otherwise it prints only those results, and their number.
    """
    project.state([project.provider(**{"justt:apiKey": KEY}), integration("mine", theirs())])
    quiet = project.run("doctor", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert document(project, "--quiet", code=0) == {"checks": [], "findings": 0, "warnings": 0, "notChecked": 0}

    theirs()
    loud = project.run("doctor", "-q")
    assert (loud.exit_code, loud.stderr) == (1, "1 finding, 0 not checked\n")
    assert loud.stdout.startswith("finding: unmanaged: ")
    assert loud.stdout.count("\n") == 2


@pytest.mark.parametrize("skipped", examination.CHECKS)
def test_each_check_can_be_skipped(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, skipped: str
) -> None:
    """With `--skip`, doctor shows the results of all other checks, as in a run of all checks."""
    project.config({"justt:baseUrl": simulator.base_url, "justt:apiKey": "plain"})
    project.state(
        [project.provider(**{"justt:apiKey": "older"}), integration("mine", theirs(status="FAILED"))],
        [creating("lost")],
    )
    theirs()
    all_checks = document(project, code=1)["checks"]
    assert document(project, "--skip", skipped, code=1)["checks"] == [
        check for check in all_checks if check["check"] != skipped
    ]


def test_a_drift_job_in_a_shared_account_can_be_green(project: FakePulumi, theirs: Theirs) -> None:
    """With `--skip unmanaged`, the integrations of other stacks are no findings, and the command exits with 0."""
    theirs()
    project.state([project.provider(**{"justt:apiKey": KEY}), integration("mine", theirs())])
    assert shown(project, code=1) != []
    assert shown(project, "--skip", "unmanaged", code=0) == []


def test_a_skipped_check_that_another_one_needs_is_shown(project: FakePulumi) -> None:
    """If a check fails that another one depends on, doctor shows it although it is skipped.

    Otherwise a job that checks nothing would be green.
    """
    project.fails({"stack export": "error: incorrect passphrase"})
    (line, *_) = shown(project, "--skip", "state", "--skip", "journal", "--skip", "unmanaged", code=1)
    assert line.startswith("finding: state: exporting the state")


def test_a_selection_without_a_check_is_a_usage_error(project: FakePulumi) -> None:
    """If `--skip` leaves none of the checks of `--only`, doctor reports a usage error."""
    result = project.run("doctor", "--only", "pending", "--skip", "pending")
    assert (result.exit_code, "--skip leaves none of the checks of --only" in result.stderr) == (2, True)
    assert project.calls == []

"""The contenders of `make bench`: the command for each step, and the location of the state.

    floor    floor_provider, the smallest dynamic resource that can be written; its provider does nothing
    plain    plain_provider, a dynamic provider as tutorials write it
    ours     PaymentIntegration
    plugin   the same integrations with the plugin pulumi-resource-justt
    before   PaymentIntegration of an earlier commit
    restapi  Mastercard's restapi for Terraform, as bench_programs/restapi/main.tf uses it

Each contender creates, refreshes and changes the same integrations in each step, each with its own secret.
"""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, get_args

import engine
import go_build
import processes
from support import environment, plugin
from support.harness import Stack

__all__ = [
    "NAMES",
    "STEPS",
    "Contender",
    "LeftOut",
    "Name",
    "PulumiContender",
    "RestapiContender",
    "Step",
    "restapi",
    "sources",
]

Name = Literal["floor", "plain", "ours", "plugin", "before", "restapi"]
NAMES: tuple[Name, ...] = get_args(Name)

Step = Literal["create", "preview", "up", "refresh", "rotate", "destroy"]
STEPS: tuple[Step, ...] = get_args(Step)
"""The steps in order: the preview and the up after the create find no change."""

_PROGRAMS = Path(__file__).parent / "bench_programs"
_API_KEY = "made-up-for-the-benchmark"


class LeftOut(Exception):
    """A contender can't run on this machine; the text says why."""


class Contender(ABC):
    """A tool that manages integrations, with its own project and state.

    Attributes:
        name: Its name in the tables.
        provider_mark: A part of the command line that identifies its provider process.
        folder: The folder in which its commands run.
        state: The file with the current state.
    """

    name: Name
    provider_mark: str
    folder: Path
    state: Path

    @abstractmethod
    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return the command of a step; *parallel* overrides the tool's own default."""

    @abstractmethod
    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the variables that give the program the number of integrations and their secret."""


class PulumiContender(Contender):
    """A Pulumi program, on a stack with a file backend.

    Args:
        name: The name of the program.
        folder: An empty folder.
        engine_bin: The folder of the CLI.
        base_url: The address of the API.
        package: The folder with the sources of `pulumi_justt`.

    Attributes:
        variables: Additional variables of each command.
    """

    provider_mark = "pulumi.dynamic"
    _configurations: dict[str, str] = {}  # noqa: RUF012 - by URL: the CLI creates the same stack each time, which takes seconds

    def __init__(
        self,
        name: Literal["floor", "plain", "ours", "plugin", "before"],
        folder: Path,
        engine_bin: Path,
        base_url: str,
        package: Path = engine.ROOT / "provider",
    ) -> None:
        self.name = name
        self.variables: dict[str, str] = {}
        self._package = package
        self._stack = Stack(folder, engine_bin, has_passphrase=True, has_real_python=True)
        self._pulumi = str(engine_bin / "pulumi")
        self.folder = folder / "project"
        self.state = self._stack.checkpoint
        shutil.copy(_PROGRAMS / f"{'ours' if name == 'before' else name}.py", self.folder / "__main__.py")
        if name in ("floor", "plain"):
            shutil.copy(Path(__file__).parent / f"{name}_provider.py", self.folder)
        if name == "plugin":
            script = plugin.install(self.folder / "venv" / "bin")
            self.provider_mark = script.name
            settings = f"plugins:\n  providers:\n    - name: justt\n      path: {script.parent}\n"
            (self.folder / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\n{settings}")
        written = self.folder / f"Pulumi.{self._stack.name}.yaml"
        if base_url not in self._configurations:
            self._stack.config({"justt:baseUrl": base_url, "justt:timeoutSeconds": "30"}, {"justt:apiKey": _API_KEY})
            self._configurations[base_url] = written.read_text()
        written.write_text(self._configurations[base_url])

    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return the command that a pipeline would run, without the preview that otherwise precedes it."""
        words = {"create": "up", "rotate": "up"}.get(step, step)
        quiet = [] if step == "preview" else ["--yes", "--skip-preview"]
        wide = [] if parallel is None else ["--parallel", str(parallel)]
        return [self._pulumi, words, *quiet, *wide, "--stack", self._stack.name, "--non-interactive"]

    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the stack's variables, and those of the program."""
        return self._stack.prepare_command(
            {
                "BENCH_ACCOUNT": self.name,
                "BENCH_INTEGRATIONS": str(integrations),
                "BENCH_SECRET": secret,
                "PYTHONPATH": str(self._package),
                **self.variables,
            }
        )


class RestapiContender(Contender):
    """A Terraform module, with a local state.

    Args:
        folder: An empty folder.
        terraform: The Terraform program.
        provider: The provider's program.
        base_url: The address of the API.
    """

    name = "restapi"
    provider_mark = "terraform-provider-restapi"

    def __init__(self, folder: Path, terraform: Path, provider: Path, base_url: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.state = folder / "terraform.tfstate"
        self._terraform = terraform
        self._base_url = base_url
        shutil.copy(_PROGRAMS / "restapi" / "main.tf", folder)
        overrides = f'dev_overrides {{ "Mastercard/restapi" = "{provider.parent}" }}'
        (folder / "terraform.rc").write_text(f"provider_installation {{\n  {overrides}\n  direct {{}}\n}}\n")

    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return the command that a pipeline would run. In each one, Terraform reads every object first."""
        words = {
            "preview": ["plan"],
            "refresh": ["apply", "-auto-approve", "-refresh-only"],
            "destroy": ["destroy", "-auto-approve"],
        }.get(step, ["apply", "-auto-approve"])
        wide = [] if parallel is None else [f"-parallelism={parallel}"]
        return [str(self._terraform), *words, "-input=false", "-no-color", *wide]

    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the variables of the module, and the location of the provider."""
        return environment.build(
            {
                "CHECKPOINT_DISABLE": "1",
                "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc"),
                "TF_VAR_api_key": _API_KEY,
                "TF_VAR_base_url": self._base_url,
                "TF_VAR_integrations": str(integrations),
                "TF_VAR_secret": secret,
            }
        )


def restapi(cache: Path) -> tuple[Path, Path]:
    """Find Terraform, build the provider from its Go module unless it's in *cache*, and return both programs.

    Raises:
        LeftOut: Terraform or Go is missing, or the build fails.
    """
    terraform, go = shutil.which("terraform"), shutil.which("go")
    if terraform is None or go is None:
        raise LeftOut(f"no {'go' if terraform else 'terraform'} on PATH")
    provider = (
        cache / go_build.fingerprint([(_PROGRAMS / "restapi" / "go.sum").read_text()]) / RestapiContender.provider_mark
    )
    if not provider.exists():
        sys.stderr.write("bench: building restapi from its Go module, once; that takes minutes\n")
        package = "github.com/Mastercard/terraform-provider-restapi"
        built = processes.run(
            [go, "build", "-trimpath", "-o", str(provider), package],
            {**environment.CALLER, **go_build.ENV},
            cwd=_PROGRAMS / "restapi",
            limit=processes.LONG_SECONDS,
        )
        if built.code:
            raise LeftOut(f"its build failed: {built.last}")
    return Path(terraform), provider


def sources(commit: str, cache: Path) -> Path:
    """Extract the package of a *commit* from the repository, unless it's in *cache*, and return its folder.

    Raises:
        LeftOut: This repository has no such commit.
    """

    def git(*words: str) -> str:
        ended = processes.run(["git", *words], environment.CALLER, cwd=engine.ROOT)
        if ended.code:
            raise LeftOut(f"git knows no commit {commit} with the package in it ({ended.last})")
        return ended.last

    taken = cache / git("rev-parse", "--verify", f"{commit}^{{commit}}")
    if not taken.exists():
        packed = cache / "before.tar"
        git("archive", "--output", str(packed), taken.name, "provider/pulumi_justt")
        shutil.unpack_archive(packed, taken)
    return taken / "provider"

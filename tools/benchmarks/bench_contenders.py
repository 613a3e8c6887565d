"""Those who take part in `make bench`: how each is told to take a step, and where its state lies.

    floor    floor_provider, a dynamic resource of the same size for which nothing is done
    plain    plain_provider, a dynamic provider as tutorials write it
    ours     PaymentIntegration
    before   the same of an earlier commit
    restapi  Mastercard's restapi for Terraform, as bench_programs/restapi/main.tf uses it

A contender makes, sees and changes the same integrations in each step, each with a secret of its own.
"""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, get_args

import engine
from support import environment
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

Name = Literal["floor", "plain", "ours", "before", "restapi"]
NAMES: tuple[Name, ...] = get_args(Name)

Step = Literal["create", "preview", "up", "refresh", "rotate", "destroy"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In this order: the preview and the up after the creation find nothing to do."""

_PROGRAMS = Path(__file__).parent / "bench_programs"
_API_KEY = "made-up-for-the-benchmark"


class LeftOut(Exception):
    """A contender can't take part on this machine; the text says why."""


class Contender(ABC):
    """One way to manage integrations, with a project and a state of its own.

    Attributes:
        name: As the tables have it.
        provider_mark: What stands in the command line of its provider process.
        folder: Where its commands run.
        state: The file that holds the present state.
    """

    name: Name
    provider_mark: str
    folder: Path
    state: Path

    @abstractmethod
    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return the command of a step, with a *parallel* other than the tool's own default."""

    @abstractmethod
    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the variables that tell the program how many integrations there are, and what is secret in them."""


class PulumiContender(Contender):
    """A program for Pulumi, on a stack with a file backend.

    Args:
        name: Which program.
        folder: An empty folder.
        engine_bin: The folder of the CLI.
        base_url: Where the API is.
        package: The folder of the sources of `pulumi_justt`.
    """

    provider_mark = "pulumi.dynamic"
    _configurations: dict[str, str] = {}  # noqa: RUF012 - by URL: the CLI makes the same each time, and takes seconds

    def __init__(
        self,
        name: Literal["floor", "plain", "ours", "before"],
        folder: Path,
        engine_bin: Path,
        base_url: str,
        package: Path = engine.ROOT / "provider",
    ) -> None:
        self.name = name
        self._package = package
        self._stack = Stack(folder, engine_bin)
        self._pulumi = str(engine_bin / "pulumi")
        self.folder = folder / "project"
        self.state = folder / "state" / ".pulumi" / "stacks" / "shop" / f"{self._stack.name}.json"
        shutil.copy(_PROGRAMS / f"{'ours' if name == 'before' else name}.py", self.folder / "__main__.py")
        if name in ("floor", "plain"):
            shutil.copy(Path(__file__).parent / f"{name}_provider.py", self.folder)
        written = self.folder / f"Pulumi.{self._stack.name}.yaml"
        if base_url not in self._configurations:
            self._stack.config({"justt:baseUrl": base_url, "justt:timeoutSeconds": "30"}, {"justt:apiKey": _API_KEY})
            self._configurations[base_url] = written.read_text()
        written.write_text(self._configurations[base_url])

    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return what a pipeline would run, without the preview that precedes each command otherwise."""
        words = {"create": "up", "rotate": "up"}.get(step, step)
        quiet = [] if step == "preview" else ["--yes", "--skip-preview"]
        wide = [] if parallel is None else ["--parallel", str(parallel)]
        return [self._pulumi, words, *quiet, *wide, "--stack", self._stack.name, "--non-interactive"]

    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the stack's variables, and those of the program."""
        return self._stack._variables(
            {
                "BENCH_ACCOUNT": self.name,
                "BENCH_INTEGRATIONS": str(integrations),
                "BENCH_SECRET": secret,
                "PYTHONPATH": str(self._package),
            }
        )


class RestapiContender(Contender):
    """A module for Terraform, with a local state.

    Args:
        folder: An empty folder.
        terraform: The program.
        provider: The provider's program.
        base_url: Where the API is.
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
        """Return what a pipeline would run; each of them reads every object first, as Terraform does."""
        words = {
            "preview": ["plan"],
            "refresh": ["apply", "-auto-approve", "-refresh-only"],
            "destroy": ["destroy", "-auto-approve"],
        }.get(step, ["apply", "-auto-approve"])
        wide = [] if parallel is None else [f"-parallelism={parallel}"]
        return [str(self._terraform), *words, "-input=false", "-no-color", *wide]

    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return the variables of the module, and where the provider is."""
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
    """Find Terraform, build the provider from its Go module unless *cache* has it, and return both programs.

    Raises:
        LeftOut: There is no Terraform or no Go, or the build fails.
    """
    terraform, go = shutil.which("terraform"), shutil.which("go")
    if terraform is None or go is None:
        raise LeftOut(f"no {'go' if terraform else 'terraform'} on PATH")
    provider = (
        cache / engine.fingerprint([(_PROGRAMS / "restapi" / "go.sum").read_text()]) / RestapiContender.provider_mark
    )
    if not provider.exists():
        sys.stderr.write("bench: building restapi from its Go module, once; that takes minutes\n")
        package = "github.com/Mastercard/terraform-provider-restapi"
        built = engine.run(
            [go, "build", "-trimpath", "-o", str(provider), package],
            {**environment.CALLER, **engine.BUILD_ENV},
            cwd=_PROGRAMS / "restapi",
            limit=engine.LONG_SECONDS,
        )
        if built.code:
            raise LeftOut(f"its build failed: {built.last}")
    return Path(terraform), provider


def sources(commit: str, cache: Path) -> Path:
    """Take the package of a *commit* out of the repository, unless *cache* has it, and return the folder of it.

    Raises:
        LeftOut: There is no such commit here.
    """

    def git(*words: str) -> str:
        ended = engine.run(["git", *words], environment.CALLER, cwd=engine.ROOT)
        if ended.code:
            raise LeftOut(f"git knows no commit {commit} with the package in it ({ended.last})")
        return ended.last

    taken = cache / git("rev-parse", "--verify", f"{commit}^{{commit}}")
    if not taken.exists():
        packed = cache / "before.tar"
        git("archive", "--output", str(packed), taken.name, "provider/pulumi_justt")
        shutil.unpack_archive(packed, taken)
    return taken / "provider"

"""Describe a wheel as a CycloneDX software bill of materials. Each build of the same wheel gives the same bytes.

It lists the wheel with its hash, and the pins of requirements.lock with the hash of each file that may be installed.

    scope       the pinned package
    required    is needed by the package, directly or indirectly
    optional    is needed by one of its extras: the command line, the simulator
    excluded    builds the wheel; users of the package don't install it
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.metadata import Metadata
from packaging.utils import canonicalize_name

from locks import Locked, read

__all__ = ["bill"]

VERSION = SchemaVersion.V1_6
_hash = HashTypeFactory().from_composite_str


def bill(wheel: Path, metadata: Metadata, lock: Path) -> str:
    """Return the bill of materials of *wheel*, with its *metadata* and the dependencies that *lock* pins.

    Raises:
        ValueError: The bill violates the schema of CycloneDX.
    """
    pinned = read(lock)
    root = _root(metadata, _digest(wheel))
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, _digest(wheel) + _digest(lock)))
    bom.metadata.component = root
    bom.metadata.tools.components.add(this_component())
    bom.metadata.timestamp = None  # type: ignore[assignment] # the only way to leave it out
    scopes = _scopes(metadata, pinned)
    components = [(entry, _component(entry, scopes[entry.name])) for entry in pinned]
    bom.components.update(component for _, component in components)
    for name, component in [(root.name, root), *((entry.name, component) for entry, component in components)]:
        bom.register_dependency(component, [described for entry, described in components if name in entry.wanted_by])
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - importing it takes a second

    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2)
    if fault := JsonStrictValidator(VERSION).validate_str(text):
        raise ValueError(str(fault))
    return text + "\n"


def _root(metadata: Metadata, checksum: str) -> Component:
    purl = PackageURL("pypi", name=metadata.name, version=str(metadata.version))
    return Component(
        name=metadata.name,
        version=str(metadata.version),
        description=metadata.summary,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseExpression(str(metadata.license_expression), acknowledgement=LicenseAcknowledgement.DECLARED)],
        hashes=[_hash(checksum)],
    )


def _component(entry: Locked, scope: ComponentScope) -> Component:
    purl = PackageURL("pypi", name=entry.name, version=entry.version)
    marker = entry.requirement.marker
    return Component(
        name=entry.name,
        version=entry.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        scope=scope,
        hashes=[_hash(text) for text in entry.hashes],
        properties=[Property(name="python:marker", value=str(marker))] if marker else [],
    )


def _scopes(metadata: Metadata, pinned: Sequence[Locked]) -> dict[str, ComponentScope]:
    needs = metadata.requires_dist or []
    always = {canonicalize_name(need.name) for need in needs if "extra" not in str(need.marker)}
    return {
        **dict.fromkeys((entry.name for entry in pinned), ComponentScope.EXCLUDED),
        **dict.fromkeys(_reachable({canonicalize_name(need.name) for need in needs}, pinned), ComponentScope.OPTIONAL),
        **dict.fromkeys(_reachable(always, pinned), ComponentScope.REQUIRED),
    }


def _reachable(names: AbstractSet[str], pinned: Sequence[Locked]) -> set[str]:
    found: set[str] = set()
    while more := names - found:
        found |= more
        names = {entry.name for entry in pinned if not found.isdisjoint(entry.wanted_by)}
    return found


def _digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"

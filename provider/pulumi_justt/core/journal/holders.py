"""Record which resource created or claimed an integration, and which resources adopt it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from pulumi_justt.core.journal.folder import JournalFolder, file_name
from pulumi_justt.core.journal.records import Adoption, Claim, address, as_adoption, as_claim

__all__ = ["HolderRecords"]

_MAX_ADOPTION_SECONDS = 600.0
"""Seconds for which another command's adoption counts as in progress: its GET and all retries have ended by then."""


class HolderRecords(JournalFolder):
    """The claims and the adoptions in the journal."""

    def claim(self, base_url: str, integration_id: str, urn: str) -> str | None:
        """Claim an id for one resource.

        Returns:
            The URN that has the id: *urn*, or the one that claimed it first. None if the journal can't be written, so
            that another process may have claimed the id too.
        """
        is_first = self._write_claim(Claim(address(base_url), integration_id, urn), is_exclusive=True)
        return urn if is_first else self.claimant(base_url, integration_id)

    def claimant(self, base_url: str, integration_id: str) -> str | None:
        """Return the URN of the resource that an id was created or claimed for, if this machine knows it."""
        claim = self._read(self.claim_file(base_url, integration_id), as_claim)
        return claim.urn if claim else None

    def claim_file(self, base_url: str, integration_id: str) -> Path | None:
        """Return the path of the claim of an id."""
        return self._path("claims", _record_name(base_url, integration_id))

    def release_claim(self, base_url: str, integration_id: str, urn: str) -> None:
        """Remove the claim of a resource that has released an id to a resource that adopts it."""
        if self.claimant(base_url, integration_id) == urn:
            self._unlink(self.claim_file(base_url, integration_id))

    def claimed_ids(self, base_url: str, *, besides: str | None = None) -> frozenset[str]:
        """Return the claimed ids at *base_url*, except those of the resource *besides*."""
        found = (self._read(path, as_claim) for path in self._files("claims"))
        return frozenset(
            each.integration_id for each in found if each and each.base_url == address(base_url) and each.urn != besides
        )

    def begin_adoption(self, base_url: str, integration_id: str, urn: str, *, is_under_way: bool = False) -> None:
        """Record that a resource is about to adopt an id, so that no other process of this command deactivates it.

        Args:
            base_url: The API's base URL.
            integration_id: The id.
            urn: The resource that adopts the id.
            is_under_way: Whether the adoption's request starts now. Then no other command deactivates the id, either.
        """
        known = self._adoption(base_url, integration_id, urn)
        # A resource that has adopted the id may adopt it again, and still has it if that fails.
        is_held = known is not None and known.is_held
        begun_at = self.now() if is_under_way else None
        adoption = Adoption(address(base_url), integration_id, urn, self.command, is_held, begun_at)
        if adoption != known:
            self._write_adoption(adoption)

    def fail_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Record that an adoption is no longer in progress."""
        known = self._adoption(base_url, integration_id, urn)
        if known and known.begun_at is not None:
            self._write_adoption(replace(known, begun_at=None))

    def hold_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Record that a resource has adopted an id, so that no later command on this machine deactivates it either."""
        self._write_adoption(Adoption(address(base_url), integration_id, urn, self.command, is_held=True))

    def keep_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Record an adoption that the state has and the journal lacks: it began under another URN or elsewhere."""
        if not self.has_adopted(base_url, integration_id, urn):
            self._write_adoption(Adoption(address(base_url), integration_id, urn, None, is_held=True))

    def end_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Record that a resource no longer has an id, unless this same command has adopted it again."""
        known = self._adoption(base_url, integration_id, urn)
        if known and not (known.is_held and known.command == self.command):
            self._write_adoption(replace(known, command=self.command, is_held=False, begun_at=None))

    def has_adopted(self, base_url: str, integration_id: str, urn: str) -> bool:
        """Return whether the resource has adopted an id and, as far as this machine knows, still has it."""
        known = self._adoption(base_url, integration_id, urn)
        return known is not None and known.is_held

    def adopters(self, base_url: str, integration_id: str, beside: str | None = None) -> list[str]:
        """Return the URNs of the resources that adopt an id, or that have adopted it and own it now.

        Args:
            base_url: The API's base URL.
            integration_id: The id.
            beside: The URN of a resource that has or is about to get the id, and whose outputs don't adopt it. The
                journal's adoption record of this resource counts only if this command wrote it, because then this
                command replaces the resource. An older one may have ended on another machine.
        """
        return sorted(
            each.urn
            for each in self._adoptions(_record_name(base_url, integration_id))
            if each.command == self.command or (each.is_held and each.urn != beside)
        )

    def adopter_under_way(self, base_url: str, integration_id: str) -> str | None:
        """Return the URN of the resource for which another command may be adopting an id right now."""
        for each in self._adoptions(_record_name(base_url, integration_id)):
            is_of_other = each.begun_at is not None and each.command != self.command
            if is_of_other and abs(self.now() - (each.begun_at or 0)) < _MAX_ADOPTION_SECONDS:
                return each.urn
        return None

    def adopted_ids(self, base_url: str, *, besides: str) -> frozenset[str]:
        """Return the adopted ids at *base_url*, except those of the resource *besides*."""
        return frozenset(
            each.integration_id
            for each in self._adoptions("*")
            if each.base_url == address(base_url) and each.urn != besides
            if each.is_held or each.command == self.command
        )

    def unusable_adoption(self, base_url: str, integration_id: str, beside: str) -> str | None:
        """Return why an adoption of an id can't be read; None if all can. The adoption of *beside* does not count."""
        own = self.adoption_file(base_url, integration_id, beside)
        if own is None:
            return None
        try:
            next(own.parent.iterdir(), None)
        except FileNotFoundError:
            # No resource adopts it, or this machine has no journal.
            return None
        except OSError as error:
            # If the journal's folder itself does not exist, treat this folder as missing.
            is_there = self.folder is not None and os.path.lexists(self.folder)
            return f"{own.parent} can't be read ({error.strerror})" if is_there else None
        for path in self._files("adoptions", _record_name(base_url, integration_id)):
            if path != own and self._read(path, as_adoption) is None and path in self.unusable:
                return self.unusable[path]
        return None

    def adoption_file(self, base_url: str, integration_id: str, urn: str) -> Path | None:
        """Return the path of the journal file that records that a resource adopts an integration."""
        return self._path("adoptions", _record_name(base_url, integration_id), file_name(urn))

    def forget_integration(self, base_url: str, integration_id: str) -> None:
        """Remove the claim and the adoptions of an id: the integration is INACTIVE, which is final."""
        self._unlink(self.claim_file(base_url, integration_id))
        for path in self._files("adoptions", _record_name(base_url, integration_id)):
            self._unlink_adoption(path)

    def _adoption(self, base_url: str, integration_id: str, urn: str) -> Adoption | None:
        return self._read(self.adoption_file(base_url, integration_id, urn), as_adoption)

    def _adoptions(self, record_name: str) -> Iterator[Adoption]:
        found = (self._read(path, as_adoption) for path in self._files("adoptions", pattern=f"{record_name}/*.json"))
        return (each for each in found if each)

    def _write_adoption(self, adoption: Adoption) -> None:
        path = self.adoption_file(adoption.base_url, adoption.integration_id, adoption.urn)
        self._write(path, asdict(adoption))

    def _write_claim(self, claim: Claim, *, is_exclusive: bool = False) -> bool:
        path = self.claim_file(claim.base_url, claim.integration_id)
        return self._write(path, asdict(claim), is_exclusive=is_exclusive)

    def _unlink_adoption(self, path: Path) -> None:
        self._unlink(path)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def _prune(self) -> None:
        super()._prune()
        for path in self._files("adoptions", pattern="*/*.json"):
            with contextlib.suppress(OSError):
                adoption = self._read(path, as_adoption)
                if adoption and not adoption.is_held and self._is_old(path):
                    self._unlink_adoption(path)


def _record_name(base_url: str, integration_id: str) -> str:
    return file_name(address(base_url), integration_id)

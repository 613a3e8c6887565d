"""The journal: what this machine remembers of creates and adoptions, so that a killed run leaves no nameless duplicate.

The engine stores an id only after `create` has returned it. If the CLI or the provider process is killed before that,
the next `pulumi up` would create a second integration. These files are the witness. They hold ids, URNs and
identifiers, and a keyed digest of what was sent, never a credential; folders have mode 0700, files 0600.

    file                        written                                 removed
    intents/<stack>-            before a POST; again with the id        read, diff or delete sees that id for that URN;
        <resource>.json         that the answer brings; with a          nothing was sent; an undo succeeded; 30 days,
                                decision of `pulumi-justt recover`      or a year where the id is known. A decision ends
                                                                        when it is carried out, or after 30 days
    snapshots/<name>.json       before the first POST of a process      no intent names it, after two days
                                to an account: the ids listed then
    ended/<process>.json        when a process ends in order, if it     likewise
                                created anything: most likely the
                                engine has stored what it was given,
                                so other stacks are not warned
    claims/<id>.json            with O_EXCL, for each id that a         the integration is deactivated, or
                                create returns: one id, one resource    released to a resource that adopts it
    adoptions/<id>/<urn>.json   by `check` and `create` with            two days after the adopter was deleted, or
                                `adopt_id`; by read and diff of what    failed to adopt it; the id is INACTIVE
                                the state has as adopted
    commands/<command>.jsonl    by check, diff and create: what the     two days after its last line
                                processes of one command tell each
                                other, see `command_log`
    parts/<name>.json           for each file above, until it is        a process that was killed meanwhile left it, two
                                whole and gets its name                 days ago

An adoption counts in later commands once it has succeeded, also after `adopt_id` was taken out: another resource may
still own the integration, and only the adopter itself may deactivate it then. In the command that begins or ends it, it
counts in any case: another provider process of that command may still be about to delete the integration's owner.

A resource is keyed by its URN, the base URL and the account; the names that this machine has for itself are one. The
folder is `$JUSTT_STATE_DIR`, else `$XDG_STATE_HOME/pulumi-justt`, else `~/Library/Application Support/pulumi-justt` on
macOS and `~/.local/state/pulumi-justt` elsewhere. A folder that is missing, read-only or full is one warning and never
fails a call. The journal protects only the machine that keeps it.

Nothing is synced to the disk: the files survive the death of a process, and not that of the machine.

    records    what each file says, and which files are refused as damaged
    folder     where the files are, and how they are written, read and dropped
    holders    claims and adoptions
    journal    intents, decisions and snapshots
"""

from __future__ import annotations

from pulumi_justt.core.journal.folder import state_folder
from pulumi_justt.core.journal.journal import Journal
from pulumi_justt.core.journal.records import Decision, Intent, address, stack_name, stack_of, within_stack

__all__ = ["Decision", "Intent", "Journal", "address", "stack_name", "stack_of", "state_folder", "within_stack"]

"""Keep a journal of creates and adoptions on this machine, so that the next run finds what a killed run created.

The engine stores an id only after `create` has returned it. If the CLI or the provider process is killed before that,
the next `pulumi up` would create a second integration. So the provider reads these files before each create. They
contain ids, URNs, identifiers and a keyed digest of the request body, but no credential. Folders have mode 0700, files
0600.

    file                        written                                 removed
    intents/<stack>-            before a POST; again with the id        when read, diff or delete gets that id for that
        <resource>.json         from the response; with the decision    URN; when nothing was sent; when an undo
                                from `pulumi-justt recover`             succeeded; after 30 days, or a year if the id is
                                                                        known. A decision ends when it is carried out,
                                                                        or after 30 days
    snapshots/<name>.json       before the first POST of a process      after two days, if no intent names it
                                to an account: the listed ids
    ended/<process>.json        when a process ends normally, if it     after two days, if no intent names it
                                created anything: the engine most
                                likely stored the results, so the
                                provider does not warn other stacks
    claims/<id>.json            with O_EXCL, for each id that a         when the integration is deactivated, or
                                create returns: one id, one resource    released to a resource that adopts it
    adoptions/<id>/<urn>.json   by `check` and `create` with            two days after the adopter was deleted or
                                `adopt_id`; by read and diff, if the    failed to adopt the id; when the integration is
                                state has the id as adopted             INACTIVE
    commands/<command>.jsonl    by check, diff and create: data that    two days after its last line
                                the processes of one command share,
                                see `command_log`
    changes/<command>.jsonl     by create and delete: what the command  400 days after its last line, or earlier if
                                created and deactivated, for            there are more than 2,000 such files or 32 MB
                                `pulumi-justt log`
    parts/<name>.json           for each file above, until it is        after two days, if a process was killed while
                                complete and is renamed                 writing it

An adoption counts in later commands once it has succeeded, even after the program removed `adopt_id`. Then another
resource may still own the integration, and only the adopter may deactivate it. An adoption also counts in the command
that starts or ends it, because another provider process of that command may be about to delete the owner.

A resource is keyed by its URN, the base URL and the account. In the base URL, `localhost`, `127.0.0.1` and `[::1]`
count as one host. The folder is `$JUSTT_STATE_DIR`, else `$XDG_STATE_HOME/pulumi-justt`, else `~/Library/Application
Support/pulumi-justt` on macOS and `~/.local/state/pulumi-justt` elsewhere. If the folder is missing, read-only or full,
the provider warns once and no call fails. The journal protects only the machine that keeps it.

The journal does not sync files to the disk: they survive a killed process, but not a crash of the machine.

    records    the content of each file, and which files are refused as damaged
    folder     where the files are, and how they are written, read and removed
    holders    claims and adoptions
    journal    intents, decisions and snapshots
    changes    what each command created and deactivated
"""

from __future__ import annotations

from pulumi_justt.core.journal.folder import MAX_COMMAND_SECONDS, digest, state_folder
from pulumi_justt.core.journal.journal import Journal
from pulumi_justt.core.journal.records import Change, Decision, Intent, address, stack_name, stack_of, within_stack

__all__ = [
    "MAX_COMMAND_SECONDS",
    "Change",
    "Decision",
    "Intent",
    "Journal",
    "address",
    "digest",
    "stack_name",
    "stack_of",
    "state_folder",
    "within_stack",
]

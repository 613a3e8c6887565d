"""A stateful stand-in for the Justt API, obeying its OpenAPI document and strict where the vendor is strict.

    with SimulatorServer(Options(successful_after=2)) as simulator:
        client = httpx.Client(base_url=simulator.base_url, headers={"Authorization": "Bearer any"})

It needs the `simulator` extra of this package and nothing else of it. It is no model of what happens behind the API: no
payment provider is contacted, no credential is tried, and every account exists.

    options      what can be chosen          rules      what is refused       records  what is kept
    envelopes    the shapes of answers       redaction  what must not be kept journal  what is remembered and logged
    app          the operations, and the     control    changes behind the    server   the thread, the foreground
                 path of every request                  client's back
    faults       what goes wrong, and when   mischief   what a fault does
"""

from .faults import Fault, Fired
from .journal import Exchange
from .mischief import FOREIGN_IDENTIFIER
from .options import Options
from .records import Integration, Records
from .redaction import key_fingerprint, payload_digest
from .server import SimulatorServer, run

__all__ = [
    "FOREIGN_IDENTIFIER",
    "Exchange",
    "Fault",
    "Fired",
    "Integration",
    "Options",
    "Records",
    "SimulatorServer",
    "key_fingerprint",
    "payload_digest",
    "run",
]

"""A stateful stand-in for the Justt API, which follows its OpenAPI document and is as strict as the vendor.

    with SimulatorServer(Options(successful_after=2)) as simulator:
        client = httpx.Client(base_url=simulator.base_url, headers={"Authorization": "Bearer any"})

It needs the `simulator` extra of this package and imports nothing else of it. It contacts no payment provider, tries no
credential, and every account exists.

    server          the thread, the foreground, the sockets
      pipeline      the steps of each request: faults before, the API, faults after, the journal
        api             the operations and their responses
        fault_effects   what each fault does
      control       the control endpoint
      options       the options
    rules, faults, records: the vendor's rules, the kinds of faults and when they happen, what is kept
"""

from .fault_effects import FOREIGN_IDENTIFIER
from .faults import Fault, FaultEvent
from .options import Options
from .records import Exchange, Integration, Records
from .rules import key_fingerprint, payload_digest
from .server import SimulatorServer, run

__all__ = [
    "FOREIGN_IDENTIFIER",
    "Exchange",
    "Fault",
    "FaultEvent",
    "Integration",
    "Options",
    "Records",
    "SimulatorServer",
    "key_fingerprint",
    "payload_digest",
    "run",
]

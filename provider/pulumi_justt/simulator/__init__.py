"""Simulate the Justt API: store integrations, follow the OpenAPI document, and refuse what Justt refuses.

    with SimulatorServer(Options(successful_after=2)) as simulator:
        client = httpx.Client(base_url=simulator.base_url, headers={"Authorization": "Bearer any"})

It needs the `simulator` extra of this package and imports no other module of it. It contacts no payment service
provider and verifies no credential, and every account exists.

    server          runs the simulator in a thread or in the foreground, and owns the sockets
      pipeline      the steps of each request: faults before, the API, faults after, the journal
        api             the operations and their responses
        fault_effects   what each fault does
      control       the control endpoint
      options       the options
    rules           Justt's rules for requests
    faults          the kinds of faults, and when each happens
    records         the stored integrations and requests
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

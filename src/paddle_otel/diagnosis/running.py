"""The diagnosis of this process.

.. code:: python

    from paddle_otel.diagnosis.running import DIAGNOSIS

    DIAGNOSIS.subscribe(lambda finding: print(finding.name, dict(finding.attributes)))
"""

from typing import Final

from paddle_otel.diagnosis.bottleneck import Bottleneck
from paddle_otel.diagnosis.diagnosis import Diagnosis
from paddle_otel.diagnosis.memory_pressure import MemoryPressure
from paddle_otel.hardware.reporting import REPORTING

DIAGNOSIS: Final = Diagnosis((MemoryPressure(), Bottleneck()), REPORTING.claims)
"""Started and stopped with the hardware metrics; rules and subscribers may be added at any time."""

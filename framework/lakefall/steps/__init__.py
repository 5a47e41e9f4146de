"""A pipeline's steps as an orchestrator calls them: each alone, on any host.

``Steps`` does one step a call; what a step takes and returns are the values of
``lakefall.steps.values``, as small JSON. Nothing that another host left on its disk is needed.
"""

from lakefall.steps.steps import Steps as Steps
from lakefall.steps.values import Listing as Listing
from lakefall.steps.values import Result as Result
from lakefall.steps.values import Work as Work
from lakefall.steps.values import as_plain as as_plain
from lakefall.steps.values import of_plain as of_plain

"""Several results of one stage in one file."""

from dataclasses import dataclass

from femristor.core.provenance import Provenance
from femristor.core.store import storable


@storable("ResultBundle", version=1)
@dataclass(frozen=True)
class ResultBundle:
    """Results that a stage makes together.

    Attributes:
        items: storable results.
        provenance: of the stage.
    """

    items: tuple[object, ...]
    provenance: Provenance

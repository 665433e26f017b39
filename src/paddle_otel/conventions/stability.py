"""Which generation of GenAI metric names is written.

The GenAI conventions renamed two metrics after v1.41 (see ``docs`` of semantic-conventions-genai). The published names
are the default, because backends and dashboards know them; ``OTEL_SEMCONV_STABILITY_OPT_IN`` chooses otherwise, as for
the instrumentations of OpenTelemetry itself.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OPT_IN_VARIABLE: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
_NEW: Final = "gen_ai_latest_experimental"
_BOTH: Final = "gen_ai_latest_experimental/dup"


@dataclass(frozen=True)
class GenAINames:
    """Which names are written; at least one is true."""

    published: bool
    latest: bool


def genai_names(environ: Mapping[str, str] = os.environ) -> GenAINames:
    """Read the choice from ``OTEL_SEMCONV_STABILITY_OPT_IN``, a comma-separated list.

    Args:
        environ: The variables, ``os.environ`` unless given.

    Returns:
        Published names only, unless ``gen_ai_latest_experimental`` (the newer ones instead) or
        ``gen_ai_latest_experimental/dup`` (both) is in the list.
    """
    chosen = {item.strip() for item in environ.get(OPT_IN_VARIABLE, "").split(",")}
    if _BOTH in chosen:
        return GenAINames(published=True, latest=True)
    return GenAINames(published=_NEW not in chosen, latest=_NEW in chosen)

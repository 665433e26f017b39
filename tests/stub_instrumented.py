"""The instrumentors on the stub libraries, switched on for one test and off after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.paddleformers import PaddleFormersInstrumentor
from paddle_otel.paddlenlp import PaddleNLPInstrumentor
from paddle_otel.patching import PatchSet
from paddle_otel.pretrained.handlers import Handlers
from recording import Recorder
from stub_library import LIBRARIES, Library, Stub, installed, make_stub, tokenizer_of

_KINDS: Final[dict[Library, type[LibraryInstrumentor[Handlers]]]] = {
    "paddlenlp": PaddleNLPInstrumentor,
    "paddleformers": PaddleFormersInstrumentor,
}


@dataclass
class Instrumented:
    """An instrumentor with the library it is for and the recorder it reports to."""

    library: Library
    recorder: Recorder
    instrumentor: LibraryInstrumentor[Handlers]

    def on(self) -> "Instrumented":
        """Switch on."""
        self.instrumentor.instrument(**self.recorder.providers)
        return self

    def off(self) -> None:
        """Switch off."""
        self.instrumentor.uninstrument()

    def stub(self, **how: Any) -> Stub:
        """Return a model of the library."""
        return make_stub(self.library, **how)

    def tokenizer(self) -> Any:
        """Return a tokenizer of the library."""
        return tokenizer_of(self.library)

    def attributes(self, name: str = "text_completion") -> dict[str, Any]:
        """Return the attributes of the one span of this name."""
        return dict(self.recorder.span(name).attributes or {})


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    """Each of the two libraries."""
    return request.param


@pytest.fixture
def switched_off(library: Library, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instrumented]:
    """An instrumentor that never saw its library, which is not imported yet."""
    kind = _KINDS[library]
    with installed(), monkeypatch.context() as patch:
        # Import hooks fire once in a process; every test imports anew.
        patch.setattr(kind, "patch_set", PatchSet(library))
        made = Instrumented(library, recorder, kind())
        yield made
        if made.instrumentor.is_instrumented_by_opentelemetry:
            made.off()


@pytest.fixture
def instrumented(switched_off: Instrumented) -> Instrumented:
    """An instrumentor that is on."""
    return switched_off.on()

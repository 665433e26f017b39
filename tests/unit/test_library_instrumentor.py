"""What all instrumentors have in common: switched on and off in any order, alone and side by side."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from conftest import Trouble
from observed import Read, raising
from paddle_otel.conventions import attributes as a
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import Predictions
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet
from patch_target import Target, target
from recording import Recorder

__all__ = ["target"]

NET = PredictedModel("net", a.KIND_PREDICTOR)


@dataclass(frozen=True)
class Handlers:
    """What the wrapper shares."""

    telemetry: Telemetry
    predictions: Predictions

    def call(self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Observe a call as a prediction."""
        del instance
        prediction = None if self.telemetry.is_idle() else self.predictions.start(NET)
        result = wrapped(*args, **kwargs)
        if prediction is not None:
            prediction.end(None, reader=Read(PredictionFacts(1, 2)))
        return result


class _Instrumentor(LibraryInstrumentor[Handlers]):
    patched: ClassVar[Target]
    name: ClassVar[str]

    def handlers(self, telemetry: Telemetry) -> Handlers:
        """Make what the wrapper shares."""
        return Handlers(telemetry, Predictions(telemetry))

    def patches(self, handlers: Handlers) -> Iterable[Patch]:
        """Return one patch."""
        return [self.patched.patch(self.name, handlers.call)]


class First(_Instrumentor):
    """Patches a function."""

    scope = "a.first"
    patch_set = PatchSet("first")
    name = "function"


class Second(_Instrumentor):
    """Patches a method."""

    scope = "a.second"
    patch_set = PatchSet("second")
    name = "Base.method"


@pytest.fixture
def library(target: Target) -> Iterator[Any]:
    """The patched library; both instrumentors are off before and after."""
    _Instrumentor.patched = target
    yield target.load()
    for instrumentor in (First(), Second()):
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


def predictions(recorder: Recorder) -> int:
    """Return how many predictions were counted, 0 when none is."""
    return sum(point.count for point in recorder.points("paddle.prediction.duration"))


def test_on_and_off(library: Any, recorder: Recorder) -> None:
    """While on, calls are seen; while off, the very same function is there as before."""
    original = library.function
    for round_ in range(1, 4):
        First().instrument(**recorder.providers)
        assert library.function is not original
        assert library.function(1) == (1, 2)
        First().uninstrument()
        assert library.function is original
        assert predictions(recorder) == round_
        assert library.function(1) == (1, 2)
    assert predictions(recorder) == 3


def test_it_asks_for_no_package() -> None:
    """It works with whichever distribution the library came in."""
    assert First().instrumentation_dependencies() == ()


def test_two_on_one_provider(library: Any, recorder: Recorder) -> None:
    """They share instruments: the sums are right, and one that is switched off does not silence the other."""
    First().instrument(**recorder.providers)
    Second().instrument(**recorder.providers)
    library.function(1)
    library.Base().method(1)
    assert (predictions(recorder), recorder.point("paddle.tokens").value) == (2, 4)
    First().uninstrument()
    library.function(1)
    library.Base().method(1)
    assert (predictions(recorder), recorder.point("paddle.tokens").value) == (3, 6)
    Second().uninstrument()
    assert recorder.points("paddle.tokens") == []
    assert predictions(recorder) == 3


def test_two_on_two_providers(library: Any, recorder: Recorder) -> None:
    """Each reports to its own."""
    other = Recorder()
    First().instrument(**recorder.providers)
    Second().instrument(**other.providers)
    for _ in range(2):
        library.function(1)
    library.Base().method(1)
    assert (predictions(recorder), predictions(other)) == (2, 1)
    First().uninstrument()
    assert recorder.points("paddle.tokens") == []
    assert other.point("paddle.tokens").value == 2


def test_another_provider_the_next_time(library: Any, recorder: Recorder) -> None:
    """Everything goes to the new one; the first says nothing more."""
    First().instrument(**recorder.providers)
    library.function(1)
    First().uninstrument()
    other = Recorder()
    First().instrument(**other.providers)
    library.function(1)
    assert (predictions(recorder), predictions(other)) == (1, 1)
    assert recorder.points("paddle.tokens") == []
    assert other.point("paddle.tokens").value == 2


def test_another_tracer_provider_the_next_time(
    library: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same meter provider what was remembered stays, and spans go where they are to go now."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")
    First().instrument(**recorder.providers)
    library.function(1)
    First().uninstrument()
    other = Recorder()
    First().instrument(tracer_provider=other.tracer_provider, meter_provider=recorder.meter_provider)
    library.function(1)
    assert (len(recorder.spans()), len(other.spans())) == (1, 1)
    assert predictions(recorder) == 2


def test_settings_are_read_at_each_switching_on(
    library: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting counts from the next ``instrument()``, also on the provider of before."""
    for rule, spans in (("always", 1), ("never", 1), ("always", 2)):
        monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", rule)
        First().instrument(**recorder.providers)
        library.function(1)
        First().uninstrument()
        assert len(recorder.spans("predict net")) == spans


@pytest.mark.parametrize("value", ["false", "0"])
def test_disabled_by_setting(library: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """``PADDLE_OTEL_ENABLED=false``: nothing is patched and nothing is created."""
    original = library.function
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", value)
    First().instrument(**recorder.providers)
    assert library.function is original
    First().uninstrument()
    monkeypatch.delenv("PADDLE_OTEL_ENABLED")
    First().instrument(**recorder.providers)
    library.function(1)
    assert predictions(recorder) == 1


def test_suppressed(library: Any, recorder: Recorder) -> None:
    """Inside ``suppress_instrumentation()`` nothing is observed."""
    First().instrument(**recorder.providers)
    with suppress_instrumentation():
        assert library.function(1) == (1, 2)
    assert recorder.metrics() == {}


@pytest.mark.parametrize("part", ["handlers", "patches"])
def test_trouble_while_switching_on(
    library: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble, part: str
) -> None:
    """A bug of ours stops nobody: the library is as it was, the other instrumentor works, and nothing stays active."""
    telemetry_trouble.expected = True
    original = library.function
    with monkeypatch.context() as broken:
        broken.setattr(First, part, raising(RuntimeError("broken")))
        First().instrument(**recorder.providers)
    Second().instrument(**recorder.providers)
    assert library.function is original
    library.Base().method(1)
    assert predictions(recorder) == 1
    Second().uninstrument()
    First().uninstrument()
    assert recorder.points("paddle.tokens") == []
    First().instrument(**recorder.providers)
    library.function(1)
    assert predictions(recorder) == 2


def test_trouble_while_switching_off(
    library: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble
) -> None:
    """A bug of ours while switching off reaches nobody, and the patches are gone."""
    telemetry_trouble.expected = True
    original = library.function
    First().instrument(**recorder.providers)
    monkeypatch.setattr(Telemetry, "stop", raising(RuntimeError("broken")))
    First().uninstrument()
    assert library.function is original

"""One set of instruments for each meter provider, whoever reports to it and in whichever order."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from conftest import Trouble
from forked import in_child
from observed import raising
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.conventions import metrics as m
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import METERS, Meters, Registry
from paddle_otel.operations.model_load import LoadMetrics
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION
from recording import Recorder

LABELS = {"paddle.model.name": "net", "paddle.model.kind": "predictor"}


def of(recorder: Recorder) -> Meters:
    """Return the instruments on a recorder."""
    return METERS.of(recorder.meter_provider)


def reporting(recorder: Recorder, scope: str) -> Telemetry:
    """Return the telemetry of an instrumentor that reports to a recorder."""
    return Telemetry(scope, recorder.tracer_provider, recorder.meter_provider, Settings())


def test_one_for_each_provider(recorder: Recorder) -> None:
    """Whoever asks gets the same instruments; another provider has others, and so has the global one."""
    assert of(recorder) is of(recorder)
    assert of(recorder) is not of(Recorder())
    assert METERS.of(None) is METERS.of(None)
    assert METERS.of(None) is not of(recorder)
    assert (of(recorder).has_own_provider, METERS.of(None).has_own_provider) == (True, False)


def test_a_provider_that_is_falsy() -> None:
    """A provider of another make may have a length: it is not the global one."""

    class Empty(NoOpMeterProvider):
        def __len__(self) -> int:
            return 0

    empty = Empty()
    assert METERS.of(empty) is METERS.of(empty)
    assert METERS.of(empty) is not METERS.of(None)


def test_one_object_of_each_class(recorder: Recorder) -> None:
    """Instruments are created once, also when sixteen threads ask at the same time; one may ask for another."""
    made: list[str] = []

    class Inner:
        def __init__(self, meters: Meters) -> None:
            made.append("inner")
            self.meters = meters

    class Outer:
        def __init__(self, meters: Meters) -> None:
            made.append("outer")
            self.inner = meters.shared(Inner)

    found: list[Outer] = []
    threads = [threading.Thread(target=lambda: found.append(of(recorder).shared(Outer))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    assert len(found) == 16
    assert found[0].inner is of(recorder).shared(Inner)
    assert sorted(made) == ["inner", "outer"]


def test_one_that_cannot_be_made_is_made_the_next_time(recorder: Recorder) -> None:
    """What failed is not kept."""
    with pytest.raises(LookupError):
        of(recorder).keep("key", raising(LookupError()))
    assert of(recorder).keep("key", lambda: 1) == 1
    assert of(recorder).keep("key", raising(LookupError())) == 1


def test_two_instrumentors_on_one_provider(recorder: Recorder) -> None:
    """Their numbers add up in one series; one that is switched off does not silence the other."""
    first, second = reporting(recorder, "first"), reporting(recorder, "second")
    counts = [telemetry.meters.shared(GenerationMetrics) for telemetry in (first, second)]
    for one in counts:
        one.count_input("net", 2)
    assert recorder.point("paddle.tokens").value == 4
    first.stop()
    counts[1].count_input("net", 1)
    assert recorder.point("paddle.tokens").value == 5
    second.stop()
    assert recorder.points("paddle.tokens") == []
    first.use(recorder.tracer_provider, Settings())
    assert recorder.point("paddle.tokens").value == 5
    first.stop()
    first.stop()


def test_scope_of_the_instruments() -> None:
    """All instruments have one scope, with version and schema, whoever reports."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    Telemetry("first", None, provider, Settings()).meters.shared(GenerationMetrics).count_input("net", 1)
    Telemetry("second", None, provider, Settings()).meters.shared(LoadMetrics).duration.record(1, {})
    data = reader.get_metrics_data()
    assert data is not None
    scopes = [scope.scope for resource in data.resource_metrics for scope in resource.scope_metrics]
    assert [(scope.name, scope.version, scope.schema_url) for scope in scopes] == [
        ("paddle_otel.operations", VERSION, SCHEMA_URL)
    ]


def test_observations_that_fail(recorder: Recorder, telemetry_trouble: Trouble) -> None:
    """An observable that raises, at once or on the way, costs only what it did not give."""
    telemetry_trouble.expected = True

    def half() -> Iterator[Observation]:
        yield Observation(1, {"a": "b"})
        raise LookupError

    meters = reporting(recorder, "first").meters
    meters.observable(m.TOKENS, half)
    meters.observable(m.REQUEST_ACTIVE, raising(LookupError()))
    meters.observable(m.KV_CACHE_SIZE, lambda: [Observation(7, {})])
    assert recorder.point("paddle.kv_cache.size").value == 7
    assert recorder.points("paddle.request.active") == []


@pytest.mark.parametrize("observable_first", [True, False])
def test_deferred_beside_an_observable(recorder: Recorder, observable_first: bool) -> None:
    """Values wait for the collection and are all in it, in whichever order the instruments were created."""
    meters = of(recorder)
    if observable_first:
        meters.observable(m.TOKENS, lambda: ())
    histogram = meters.deferred_histogram(m.PREDICTION_DURATION)
    histogram.record(1, LABELS)
    if not observable_first:
        meters.observable(m.TOKENS, lambda: ())
    histogram.record(2, LABELS)
    assert len(histogram._queue) == (2 if observable_first else 1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - that they wait is the subject
    assert recorder.point("paddle.prediction.duration").value == 3
    histogram.record(4, LABELS)
    assert recorder.point("paddle.prediction.duration").value == 7


def test_deferred_alone(recorder: Recorder) -> None:
    """Where nothing is observed, nobody would record what waits: values are recorded at once."""
    histogram = of(recorder).deferred_histogram(m.PREDICTION_DURATION)
    for _ in range(3):
        histogram.record(1, LABELS)
    assert recorder.point("paddle.prediction.duration").count == 3


def test_one_broken_histogram(recorder: Recorder, telemetry_trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A histogram that cannot be recorded costs its values, not those of the next one, nor the observations."""
    telemetry_trouble.expected = True
    meters = reporting(recorder, "first").meters
    meters.observable(m.TOKENS, lambda: [Observation(1, {})])
    broken, sound = (meters.deferred_histogram(metric) for metric in (m.PREDICTION_DURATION, m.PREDICTION_BATCH_SIZE))
    monkeypatch.setattr(broken, "flush", raising(RuntimeError("broken")))
    sound.record(1, LABELS)
    assert recorder.point("paddle.prediction.batch_size").count == 1
    assert recorder.point("paddle.tokens").value == 1


def test_what_was_measured_before_switching_off(recorder: Recorder) -> None:
    """Values that wait are recorded by the next collection, also when nobody reports any more."""
    telemetry = reporting(recorder, "first")
    telemetry.meters.observable(m.TOKENS, lambda: [Observation(1, {})])
    telemetry.meters.deferred_histogram(m.PREDICTION_DURATION).record(1, LABELS)
    telemetry.stop()
    assert recorder.point("paddle.prediction.duration").count == 1
    assert recorder.points("paddle.tokens") == []


def test_a_provider_that_is_gone(recorder: Recorder) -> None:
    """Instruments do not keep their provider alive, and go with it."""
    registry, own = Registry(), Recorder()
    meters = registry.of(own.meter_provider)
    meters.shared(GenerationMetrics)
    meters.keep("handlers", [meters].copy)  # what is kept refers to where it is kept
    gone = [weakref.ref(own.meter_provider), weakref.ref(meters)]
    own.meter_provider.shutdown()
    del own, meters
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert registry.of(recorder.meter_provider)


def test_a_provider_that_was_shut_down(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Reporting goes on into nothing: no exception, no trouble."""
    meters = reporting(recorder, "first").meters
    counts = meters.shared(GenerationMetrics)
    recorder.meter_provider.shutdown()
    counts.count_input("net", 1)
    meters.deferred_histogram(m.PREDICTION_DURATION).record(1, LABELS)
    assert all(record.name != "paddle_otel" for record in caplog.records)


def test_two_readers() -> None:
    """Every reader of a provider gets every value, waiting ones and counts."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    meters = Telemetry("first", None, MeterProvider(readers), Settings()).meters
    meters.shared(GenerationMetrics).count_input("net", 3)
    meters.deferred_histogram(m.PREDICTION_DURATION).record(1, LABELS)
    for reader in readers:
        data = reader.get_metrics_data()
        assert data is not None
        found = [
            metric.name for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics
        ]
        assert sorted(found) == ["paddle.prediction.duration", "paddle.tokens"]


def test_a_fork_while_a_lock_is_held(recorder: Recorder) -> None:
    """A child that was forked while another thread created instruments creates its own, and does not wait."""
    meters, holding, done = of(recorder), threading.Event(), threading.Event()

    def slow() -> int:
        holding.set()
        done.wait(20)
        return 1

    thread = threading.Thread(target=lambda: meters.keep("slow", slow))
    thread.start()
    assert holding.wait(20)
    try:
        assert in_child(lambda: meters.keep("key", lambda: 2) == 2 and METERS.of(NoOpMeterProvider())) == 0
    finally:
        done.set()
        thread.join()
    assert meters.keep("slow", lambda: 0) == 1


def test_a_finalizer_in_the_middle(recorder: Recorder) -> None:
    """An abandoned prediction may end at any point, also while its thread holds the lock of the counts."""
    counts = of(recorder).shared(GenerationMetrics)
    lock: Any = counts._lock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - it is held on purpose
    counted = threading.Event()

    def count_while_counting() -> None:
        with lock:
            counts.count_input("net", 1)
        counted.set()

    threading.Thread(target=count_while_counting, daemon=True).start()
    assert counted.wait(20)

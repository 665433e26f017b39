"""Values that wait for the next collection: none lost, none twice, in whichever order readers and writers come."""

import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader, MetricsData

from conftest import Trouble
from observed import raising, telemetry_on, telemetry_to
from paddle_otel import deferred_histogram
from paddle_otel.conventions import metrics as m
from paddle_otel.deferred_histogram import DeferredHistogram
from paddle_otel.operations.telemetry import Telemetry
from recording import Recorder

NAME = m.TOKENIZER_TOKENS.name
LABELS = {"paddle.tokenizer.class": "T", "paddle.tokenizer.direction": "encode"}


def histogram_on(telemetry: Telemetry) -> DeferredHistogram:
    """Return a deferred histogram beside the observable instrument that it needs."""
    made = telemetry.meters.deferred_histogram(m.TOKENIZER_TOKENS)
    telemetry.meters.observable(m.TOKENS, lambda: ())
    return made


def counted(data: MetricsData | None) -> int:
    """Return how many values a collection holds."""
    found = 0
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                assert metric.name == NAME
                assert isinstance(metric.data, Histogram)
                found += sum(point.count for point in metric.data.data_points)
    return found


def test_what_was_recorded_is_in_the_next_collection(recorder: Recorder) -> None:
    """Values of before a collection are in it, with their attributes; later ones in the next."""
    histogram = histogram_on(telemetry_on(recorder))
    histogram.record(5, LABELS)
    histogram.record(7, {**LABELS, "error.type": "ValueError"})
    points = {p.attributes.get("error.type"): (p.count, p.value) for p in recorder.points(NAME)}
    assert points == {None: (1, 5), "ValueError": (1, 7)}
    histogram.record(5, LABELS)
    assert sum(p.count for p in recorder.points(NAME)) == 3


@pytest.mark.parametrize("most", [0, 2, 100])
def test_values_that_come_together(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Each goes to its own histogram, with the same attributes; what is not there is not recorded, queued or not."""
    monkeypatch.setattr(deferred_histogram, "MAXIMUM_QUEUED", most)
    telemetry = telemetry_on(recorder)
    histogram = telemetry.meters.deferred_histogram(m.TOKENIZER_DURATION, m.TOKENIZER_TOKENS)
    telemetry.meters.observable(m.TOKENS, lambda: ())
    histogram.record(0.5, LABELS, 7)
    histogram.record(0.25, LABELS, None)
    histogram.record(0.25, LABELS)
    histogram.record(None, LABELS, 5)
    histogram.record(None, LABELS, 0)
    duration, tokens = recorder.point(m.TOKENIZER_DURATION.name), recorder.point(NAME)
    assert (duration.count, duration.value, dict(duration.attributes)) == (3, 1.0, LABELS)
    assert (tokens.count, tokens.value, dict(tokens.attributes)) == (3, 12, LABELS)


@pytest.mark.parametrize("most", [0, 100])
def test_a_broken_one_of_a_pair(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble, most: int
) -> None:
    """Costs its own values, not those that came with them."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(deferred_histogram, "MAXIMUM_QUEUED", most)
    telemetry = telemetry_on(recorder)
    histogram = telemetry.meters.deferred_histogram(m.TOKENIZER_DURATION, m.TOKENIZER_TOKENS)
    telemetry.meters.observable(m.TOKENS, lambda: ())
    broken, _ = histogram._histograms  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the SDK's
    monkeypatch.setattr(broken, "record", raising(RuntimeError("broken")))
    for _ in range(5):
        histogram.record(0.5, LABELS, 7)
    assert recorder.point(NAME).count == 5
    assert recorder.points(m.TOKENIZER_DURATION.name) == []
    assert telemetry_trouble.sites


def test_nothing_is_recorded_without_values(recorder: Recorder) -> None:
    """No value, no series."""
    histogram_on(telemetry_on(recorder))
    assert recorder.metrics() == {}


def test_a_full_queue_loses_nothing(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound values are recorded at once: memory stays bounded and every value arrives."""
    monkeypatch.setattr(deferred_histogram, "MAXIMUM_QUEUED", 10)
    histogram = histogram_on(telemetry_on(recorder))
    for _ in range(25):
        histogram.record(1, LABELS)
    assert len(histogram._queue) == 10  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the bound is the subject
    assert recorder.point(NAME).count == 25


class Clock:
    """Stands for ``time``: each pause lasts as long as a test says."""

    def __init__(self, pause: float) -> None:
        self.now = 0.0
        self.pauses = 0
        self._pause = pause

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let other threads run."""
        assert 0 < seconds < 0.001
        self.pauses += 1
        self.now += self._pause


@pytest.mark.parametrize(("pause", "pauses"), [(0.0001, 10), (0.1, 5), (10.0, 1)])
def test_a_collection_gives_way(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, pause: float, pauses: int) -> None:
    """Other threads run in between, though a process that is busy does not hold up a collection for long."""
    clock = Clock(pause)
    monkeypatch.setattr(deferred_histogram, "time", clock)
    histogram = histogram_on(telemetry_on(recorder))
    for _ in range(10 * deferred_histogram.GIVES_WAY_AFTER):
        histogram.record(1, LABELS)
    assert recorder.point(NAME).count == 10 * deferred_histogram.GIVES_WAY_AFTER
    assert clock.pauses == pauses


def test_a_collection_without_values_waits_for_nobody(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does one of a few values."""
    clock = Clock(0.1)
    monkeypatch.setattr(deferred_histogram, "time", clock)
    histogram = histogram_on(telemetry_on(recorder))
    assert recorder.points(NAME) == []
    for _ in range(deferred_histogram.GIVES_WAY_AFTER - 1):
        histogram.record(1, LABELS)
    assert recorder.point(NAME).count == deferred_histogram.GIVES_WAY_AFTER - 1
    assert clock.pauses == 0


def test_every_reader_gets_everything(recorder: Recorder) -> None:
    """Two readers of one provider each see all values, whichever collects first."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    histogram = histogram_on(telemetry_to(recorder.tracer_provider, MeterProvider(readers)))
    histogram.record(1, LABELS)
    assert [counted(reader.get_metrics_data()) for reader in readers] == [1, 1]
    histogram.record(1, LABELS)
    assert [counted(reader.get_metrics_data()) for reader in reversed(readers)] == [2, 2]


def test_writers_and_readers_at_the_same_time(recorder: Recorder) -> None:
    """Eight writers and two readers: the last collection holds every value once."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    histogram = histogram_on(telemetry_to(recorder.tracer_provider, MeterProvider(readers)))

    def write() -> None:
        for _ in range(500):
            histogram.record(1, LABELS)

    def read(reader: InMemoryMetricReader) -> None:
        for _ in range(20):
            reader.get_metrics_data()

    writing = [threading.Thread(target=write) for _ in range(8)]
    reading = [threading.Thread(target=read, args=(reader,)) for reader in readers]
    for thread in (*writing, *reading):
        thread.start()
    for thread in (*writing, *reading):
        thread.join()
    assert [counted(reader.get_metrics_data()) for reader in readers] == [4000, 4000]


def test_no_exemplar_of_somebody_else_s_span(recorder: Recorder) -> None:
    """A value recorded while some span collects is not tied to that span."""
    histogram = histogram_on(telemetry_on(recorder))
    histogram.record(1, LABELS)
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("scrape"):
        assert recorder.point(NAME).exemplar_trace_ids == ()


def test_what_was_queued_when_switched_off_is_not_lost(recorder: Recorder) -> None:
    """Values of before ``uninstrument()`` are in the collection that follows it, as a shutdown makes one."""
    telemetry = telemetry_on(recorder)
    histogram = histogram_on(telemetry)
    histogram.record(1, LABELS)
    telemetry.stop()
    assert recorder.point(NAME).count == 1


def test_one_bad_value_costs_only_itself(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """A value that the SDK refuses does not take the values behind it along."""
    histogram = histogram_on(telemetry_on(recorder))
    for value in (1, -1, 2):
        histogram.record(value, LABELS)
    point = recorder.point(NAME)
    assert (point.count, point.value) == (2, 3)
    assert all(record.name != "paddle_otel" for record in caplog.records)

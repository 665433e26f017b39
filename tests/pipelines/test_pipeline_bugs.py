"""A bug of ours changes nothing for the caller, and is logged once."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from paddle_otel.paddlex import PaddleXInstrumentor
from paddle_otel.paddlex.pipeline_parts import PipelineParts
from pipelines.own_pipelines import Doubles, Halves, Nested
from recording import Recorder

SECRET = "C:/home/of/the/picture.png"
CALL_SITES = (
    "paddle_otel.paddlex.pipeline_requests.pipeline_name",
    "paddle_otel.paddlex.pipeline_requests.input_count",
    "paddle_otel.operations.pipeline.PipelineCall.__init__",
    "paddle_otel.operations.pipeline.PipelineCall.enter",
    "paddle_otel.operations.pipeline.PipelineCall._record",
    "paddle_otel.operations.pipeline.PipelineCall._describe",
)
LOAD_SITES = (
    "paddle_otel.paddlex.load_patches._name_of_pipeline",
    "paddle_otel.operations.model_load.ModelLoad.__init__",
    "paddle_otel.paddlex.observed_classes._ClassPatches.of",
)
MODEL_SITES = (
    "paddle_otel.paddlex.load_patches._read_part",
    "paddle_otel.paddlex.load_patches._naming",
)


def bug(*_: Any, **__: Any) -> Any:
    """Fail, quoting what nobody may read."""
    raise RuntimeError(SECRET)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any) -> Callable[[str], None]:
    """Breaks the function of ours whose path it is given."""
    telemetry_trouble.expected = True
    return lambda path: monkeypatch.setattr(path, bug)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged about failing telemetry."""
    return [text for record in caplog.records if (text := record.getMessage()).startswith("Telemetry failed")]


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize("site", CALL_SITES)
def test_a_call_goes_on(site: str, broken: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    """Generators and plain calls give what they give; exceptions are the pipeline's own."""
    halves, doubles = Halves(), Doubles()
    broken(site)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert list(halves([2, 4])) == [1.0, 2.0]
            assert doubles([2]) == [4]
            with pytest.raises(TypeError):
                list(halves([None]))
            with pytest.raises(TypeError):
                doubles([None])
            begun = halves.predict([2, 4])
            assert next(iter(begun)) == 1.0
            del begun
            assert halves.closed
    # Generators and plain calls may reach it from places of their own.
    assert 1 <= len(logged(caplog)) == len(set(logged(caplog))) <= 2
    assert SECRET not in caplog.text


@pytest.mark.parametrize("site", LOAD_SITES)
def test_creating_goes_on(
    site: str, broken: Callable[[str], None], observed: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipeline is created, and works."""
    observed.clear_spans()
    broken(site)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert list(Nested()([4])) == [1.0]
    # Classes that are patched already are not patched again.
    assert len(logged(caplog)) == (0 if site.endswith("_ClassPatches.of") else 1)
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize("site", MODEL_SITES)
def test_creating_models_goes_on(
    site: str,
    broken: Callable[[str], None],
    new_ocr: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    invoice: Any,
) -> None:
    """Models are created, without what could not be read."""
    broken(site)
    with caplog.at_level(logging.WARNING, logger="paddle_otel"):
        assert len(new_ocr().predict(str(invoice))) == 1
    assert len(logged(caplog)) == 1
    assert SECRET not in "".join(logged(caplog))


@pytest.mark.usefixtures("telemetry_trouble")
def test_switching_on_goes_on(
    broken: Callable[[str], None], recorder: Recorder, switched_off_afterwards: list[Any]
) -> None:
    """What cannot be patched works as it is, unobserved; creating pipelines is still observed."""
    halves = Halves()
    broken("paddle_otel.paddlex.observed_classes._ClassPatches.of")
    instrumentor = PaddleXInstrumentor()
    switched_off_afterwards.append(instrumentor)
    instrumentor.instrument(**recorder.providers)
    assert list(halves([2])) == [1.0]
    assert recorder.spans() == []
    assert list(Halves()([2])) == [1.0]
    assert [span.name for span in recorder.spans()] == ["load_model halves"]


def test_a_model_that_cannot_be_remembered(telemetry_trouble: Any) -> None:
    """It is no part of a pipeline then."""
    telemetry_trouble.expected = True
    parts = PipelineParts()
    parts.add([])
    assert [] not in parts

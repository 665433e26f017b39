"""Tenants on the metrics of generations: only those that the operator allows."""

from collections.abc import Callable, Iterator

import pytest

from observed import LABELS, RESPONSE, Generations, telemetry_on
from paddle_otel.identity import identify
from paddle_otel.identity.configured import forget_configured
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.generation_metrics import MAXIMUM_SERIES
from recording import Recorder

HISTOGRAMS = (
    "gen_ai.client.operation.duration",
    "gen_ai.client.token.usage",
    "gen_ai.server.request.duration",
    "gen_ai.server.time_to_first_token",
    "gen_ai.server.time_per_output_token",
)
LATEST = (
    "gen_ai.client.inference.duration",
    "gen_ai.client.inference.operation.input_tokens",
    "gen_ai.client.inference.operation.output_tokens",
    "gen_ai.client.inference.usage.input_tokens",
    "gen_ai.client.inference.usage.output_tokens",
)


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Says which tenants metrics may name."""

    def allowed(tenants: str, maximum: int = 100) -> None:
        monkeypatch.setenv("PADDLE_OTEL_METRIC_TENANTS", tenants)
        monkeypatch.setenv("PADDLE_OTEL_METRIC_TENANTS_MAXIMUM", str(maximum))
        forget_configured()

    forget_configured()
    yield allowed
    forget_configured()


def by_tenant(recorder: Recorder, direction: str) -> dict[str | None, float]:
    """Return the counter's totals by tenant."""
    totals: dict[str | None, float] = {}
    for point in recorder.points("paddle.tokens"):
        if point.attributes["gen_ai.token.type"] == direction:
            tenant = point.attributes.get("paddle.tenant.id")
            totals[tenant] = totals.get(tenant, 0) + point.value
    return totals


@pytest.mark.usefixtures("allow")
def test_by_default_no_metric_names_a_tenant(recorder: Recorder) -> None:
    """Nor any other id."""
    with identify(request="r", session="s", user="u", tenant="acme"):
        Generations(telemetry_on(recorder)).run(3, RESPONSE)
    for name in recorder.metrics():
        for point in recorder.points(name):
            assert not {"paddle.tenant.id", "paddle.request.id", "gen_ai.conversation.id", "enduser.id"} & set(
                point.attributes
            ), name


def test_allowed_tenants_are_on_tokens_and_histograms(recorder: Recorder, allow: Callable[..., None]) -> None:
    """Each with its own series; others are counted together, unknown ones have no name; nothing else is on them."""
    allow("acme")
    generations = Generations(telemetry_on(recorder))
    for tenant in ("acme", "globex", "initech", None):
        with identify(request="r", session="s", user="u", tenant=tenant):
            generations.run(3, RESPONSE, single_sequence=True, sequences=1)
    assert by_tenant(recorder, "input") == {"acme": 7, "_OTHER": 14, None: 7}
    assert by_tenant(recorder, "output") == {"acme": 3, "_OTHER": 6, None: 3}
    for name in HISTOGRAMS:
        points = recorder.points(name)
        per = 2 if name == "gen_ai.client.token.usage" else 1
        assert len(points) == 3 * per, name
        counts = {point.attributes.get("paddle.tenant.id"): point.count for point in points}
        assert counts == {"acme": 1, "_OTHER": 2, None: 1}, name
        for point in points:
            assert set(point.attributes) - {"paddle.tenant.id", "gen_ai.token.type"} == set(LABELS), name


def test_the_latest_names_have_tenants_too(
    recorder: Recorder, allow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the published ones do."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
    allow("*")
    with identify(tenant="acme"):
        Generations(telemetry_on(recorder)).run(3, RESPONSE)
    for name in LATEST:
        assert [point.attributes["paddle.tenant.id"] for point in recorder.points(name)] == ["acme"], name


def test_a_failure_has_its_tenant(recorder: Recorder, allow: Callable[..., None]) -> None:
    """On the durations and on what was counted until then."""
    allow("*")
    with identify(tenant="acme"):
        generation = Generations(telemetry_on(recorder)).start(single_sequence=True, sequences=1)
        generation.leave()
    generation.step()
    generation.fail(ValueError(), lambda: GenerationResponse(input_tokens=5))
    assert (by_tenant(recorder, "input"), by_tenant(recorder, "output")) == ({"acme": 5}, {"acme": 1})
    (point,) = recorder.points("gen_ai.client.operation.duration")
    assert (point.attributes["paddle.tenant.id"], point.attributes["error.type"]) == ("acme", "ValueError")


def test_tokens_have_their_tenant_while_they_are_made(recorder: Recorder, allow: Callable[..., None]) -> None:
    """And go on in the same series when it ends."""
    allow("*")
    generations = Generations(telemetry_on(recorder))
    with identify(tenant="acme"):
        generation = generations.start(single_sequence=True, sequences=1)
        generation.leave()
    generation.step()
    generation.step()
    with identify(tenant="globex"):
        assert by_tenant(recorder, "output") == {"acme": 2}
    generation.finish(lambda: GenerationResponse(7, (2,), ("stop",)))
    assert by_tenant(recorder, "output") == {"acme": 2}


def test_what_is_read_without_generating_has_the_tenant(recorder: Recorder, allow: Callable[..., None]) -> None:
    """Of embeddings and classifiers; whoever runs them."""
    allow("*")
    metrics = Generations(telemetry_on(recorder)).metrics
    with identify(tenant="acme"):
        metrics.count_input("bert", 12)
        metrics.record_embeddings("bert", 12, 0.5, None)
    metrics.count_input("bert", 1)
    assert by_tenant(recorder, "input") == {"acme": 12, None: 1}
    (point,) = recorder.points("gen_ai.client.operation.duration")
    assert dict(point.attributes) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "bert",
        "paddle.tenant.id": "acme",
    }


def test_invented_tenants_and_models_make_a_bounded_number_of_series(
    recorder: Recorder, allow: Callable[..., None]
) -> None:
    """Every token is counted, and those of a tenant stay its own."""
    allow("acme,*", maximum=10)
    metrics = Generations(telemetry_on(recorder)).metrics
    for number in range(2 * MAXIMUM_SERIES):
        with identify(tenant=f"invented-{number}"):
            metrics.count_input(f"model-{number}", 1)
    with identify(tenant="acme"):
        metrics.count_input("yet another", 5)
    points = recorder.points("paddle.tokens")
    assert len(points) <= MAXIMUM_SERIES + 11
    assert sum(point.value for point in points) == 2 * MAXIMUM_SERIES + 5
    assert by_tenant(recorder, "input")["acme"] == 5

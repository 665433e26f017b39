"""The metrics of generations.

Counts that change at every step or request (``paddle.tokens``, ``paddle.request.active``, ``paddle.kv_cache.size``) are
kept as plain numbers here and read by callbacks at each collection: an addition costs a tenth of a microsecond where an
instrument call costs ten.
"""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.context import Context, get_current
from opentelemetry.metrics import Observation

from paddle_otel import instruments
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions.metric import Metric
from paddle_otel.conventions.stability import GenAINames, genai_names
from paddle_otel.forking import call_in_forked_child
from paddle_otel.identity import Identity, current_identity, metric_tenant
from paddle_otel.operations.meters import Meters

if TYPE_CHECKING:
    from paddle_otel.operations.generation import Generation
    from paddle_otel.operations.generation_facts import GenerationResponse

MAXIMUM_SERIES: Final = 500
"""Models (or pairs of operation and model) that are told apart; further ones are counted together without a name."""

_Series = tuple[str, str | None, str | None]
"""Token type, model and tenant of a series of ``paddle.tokens``."""


class Timing(NamedTuple):
    """Durations of one generation in seconds; ``None`` is unknown.

    Attributes:
        duration: The whole call.
        first_token: From the start of the call to the end of the first decode step.
        per_token: Mean of the later steps: (duration - first_token) / (steps - 1).
    """

    duration: float
    first_token: float | None
    per_token: float | None


class GenerationMetrics:
    """The instruments of generations on one meter.

    Args:
        meters: Where they are created.
    """

    def __init__(self, meters: Meters) -> None:
        meter = meters.meter
        self._client = _ClientMetrics(meters)
        self._request_duration = instruments.histogram(meter, m.SERVER_REQUEST_DURATION)
        self._time_to_first_token = instruments.histogram(meter, m.SERVER_TIME_TO_FIRST_TOKEN)
        self._time_per_output_token = instruments.histogram(meter, m.SERVER_TIME_PER_OUTPUT_TOKEN)
        self._reset()
        meters.observable(m.REQUEST_ACTIVE, self._observe_active)
        meters.observable(m.TOKENS, self.observe_tokens)
        meters.observable(m.KV_CACHE_SIZE, self._observe_cache)
        call_in_forked_child(self._reset)

    def _reset(self) -> None:
        # In a forked child: the parent reports its own tokens, and its generations do not go on here.
        # Reentrant: a finalizer may run at any point, and an abandoned generation or prediction ends in one.
        self._lock = threading.RLock()
        self._in_flight: dict[int, Generation] = {}
        self._active_seen: set[tuple[str, str | None]] = set()
        self._cache_seen: set[str | None] = set()
        self._tokens: dict[_Series, int] = {}

    def started(self, generation: "Generation") -> None:
        """Count a generation as active."""
        # Its lock is taken here, not inside ours: a finalizer that runs inside of it may wait for ours.
        metric_tenant(generation.identity.tenant)
        with self._lock:
            self._in_flight[id(generation)] = generation

    def stopped(self, generation: "Generation") -> None:
        """Count a generation as no longer active; its live tokens become part of the total in the same moment."""
        request = generation.request
        with self._lock:
            # Not in flight here: a forked child ends what its parent started, and the parent counts it.
            if self._in_flight.pop(id(generation), None) is not None:
                self._add(_series(a.TOKEN_TYPE_OUTPUT, generation), generation.live_output_tokens)
        _remember(self._active_seen, (request.operation, request.model))
        if request.cache_bytes_per_token is not None:
            _remember(self._cache_seen, request.model)

    def record(
        self,
        generation: "Generation",
        response: "GenerationResponse",
        timing: Timing,
        error: str | None,
        context: Context,
    ) -> None:
        """Record a generation that ended.

        Args:
            generation: The generation.
            response: What is known of its result.
            timing: Its durations.
            error: ``error.type`` of a failure, ``None`` for success.
            context: The context with its span, for exemplars.
        """
        attributes = _attributes(generation)
        output_tokens = response.total_output_tokens
        self._count_ended(generation, response.input_tokens, output_tokens)
        self._client.record_tokens(attributes, response.input_tokens, output_tokens, context)
        if timing.first_token is not None:
            self._time_to_first_token.record(timing.first_token, attributes, context)
        if timing.per_token is not None and error is None:
            self._time_per_output_token.record(timing.per_token, attributes, context)
        if error is not None:
            attributes = {**attributes, a.ERROR_TYPE: error}
        self._client.record_duration(attributes, timing.duration, context)
        self._request_duration.record(timing.duration, attributes, context)

    def count_input(self, model: str | None, tokens: int, identity: Identity | None = None) -> None:
        """Count tokens that a model read without generating any.

        Args:
            model: Its name, if known.
            tokens: Padding excluded.
            identity: Who asked; whoever is known here unless said.
        """
        series = (a.TOKEN_TYPE_INPUT, model, metric_tenant((identity or current_identity()).tenant))
        with self._lock:
            self._add(series, tokens)

    def record_embeddings(
        self,
        model: str | None,
        input_tokens: int | None,
        seconds: float,
        error: str | None,
        identity: Identity | None = None,
    ) -> None:
        """Record a call that made embeddings; its tokens are counted by :meth:`count_input`.

        Args:
            model: Name of the model, if known.
            input_tokens: Padding excluded, ``None`` when unknown.
            seconds: How long it took.
            error: ``error.type`` of a failure, ``None`` for success.
            identity: Who asked; whoever is known here unless said.
        """
        context = get_current()
        tenant = metric_tenant((identity or current_identity(context)).tenant)
        attributes = {**_identity(a.OPERATION_EMBEDDINGS, model), **_tenant(tenant)}
        self._client.record_tokens(attributes, input_tokens, None, context)
        if error is not None:
            attributes = {**attributes, a.ERROR_TYPE: error}
        self._client.record_duration(attributes, seconds, context)

    def _count_ended(self, generation: "Generation", input_tokens: int | None, output_tokens: int | None) -> None:
        rest = 0 if output_tokens is None else output_tokens - generation.live_output_tokens
        read, written = _series(a.TOKEN_TYPE_INPUT, generation), _series(a.TOKEN_TYPE_OUTPUT, generation)
        with self._lock:
            self._add(read, input_tokens or 0)
            self._add(written, max(rest, 0))

    def _add(self, series: "_Series", tokens: int) -> None:
        if tokens == 0:
            return
        if series not in self._tokens and len(self._tokens) >= MAXIMUM_SERIES:
            token_type, _, tenant = series
            series = (token_type, None, tenant)
        self._tokens.setdefault(series, 0)
        self._tokens[series] += tokens  # no call in between, so no finalizer and no signal handler either

    @property
    def in_flight(self) -> tuple["Generation", ...]:
        """The generations that run now."""
        return tuple(self._in_flight.values())

    def observe_tokens(self) -> Iterable[Observation]:
        """Return the tokens read and written so far, those of running generations included."""
        with self._lock:
            totals, in_flight = dict(self._tokens), tuple(self._in_flight.values())
            for generation in in_flight:
                tokens = generation.live_output_tokens
                if tokens:
                    series = _series(a.TOKEN_TYPE_OUTPUT, generation)
                    totals[series] = totals.get(series, 0) + tokens
        for (token_type, model, tenant), total in totals.items():
            yield Observation(total, {a.GEN_AI_TOKEN_TYPE: token_type, **_model(model), **_tenant(tenant)})

    def _observe_active(self) -> Iterable[Observation]:
        counts = dict.fromkeys(tuple(self._active_seen), 0)
        for generation in self.in_flight:
            key = (generation.request.operation, generation.request.model)
            counts[key] = counts.get(key, 0) + 1
        for (operation, model), count in counts.items():
            yield Observation(count, _identity(operation, model))

    def _observe_cache(self) -> Iterable[Observation]:
        sizes = dict.fromkeys(tuple(self._cache_seen), 0)
        for generation in self.in_flight:
            size = generation.cache_bytes
            if size is not None:
                model = generation.request.model
                sizes[model] = sizes.get(model, 0) + size
        for model, size in sizes.items():
            yield Observation(size, _model(model))


class _ClientMetrics:
    """The two ``gen_ai.client.*`` metrics under the names that were chosen."""

    def __init__(self, meters: Meters) -> None:
        names = genai_names()
        meter = meters.meter
        durations = _chosen(names, m.CLIENT_OPERATION_DURATION, m.CLIENT_INFERENCE_DURATION)
        self._durations = [instruments.histogram(meter, metric) for metric in durations]
        self._usage = instruments.histogram(meter, m.CLIENT_TOKEN_USAGE) if names.published else None
        self._latest = _LatestTokenMetrics(meters) if names.latest else None

    def record_duration(self, attributes: dict[str, str], seconds: float, context: Context) -> None:
        for duration in self._durations:
            duration.record(seconds, attributes, context)

    def record_tokens(
        self, attributes: dict[str, str], input_tokens: int | None, output_tokens: int | None, context: Context
    ) -> None:
        counts = ((a.TOKEN_TYPE_INPUT, input_tokens), (a.TOKEN_TYPE_OUTPUT, output_tokens))
        for token_type, tokens in counts:
            if tokens is None:
                continue
            if self._usage is not None:
                self._usage.record(tokens, {**attributes, a.GEN_AI_TOKEN_TYPE: token_type}, context)
            if self._latest is not None:
                self._latest.record(token_type, attributes, tokens, context)


class _LatestTokenMetrics:
    """Token metrics under the names after v1.41: a histogram and a counter per direction."""

    def __init__(self, meters: Meters) -> None:
        meter = meters.meter
        self._instruments = {
            a.TOKEN_TYPE_INPUT: (
                instruments.histogram(meter, m.CLIENT_INFERENCE_INPUT_TOKENS),
                instruments.counter(meter, m.CLIENT_INFERENCE_USAGE_INPUT_TOKENS),
            ),
            a.TOKEN_TYPE_OUTPUT: (
                instruments.histogram(meter, m.CLIENT_INFERENCE_OUTPUT_TOKENS),
                instruments.counter(meter, m.CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS),
            ),
        }

    def record(self, token_type: str, attributes: dict[str, str], tokens: int, context: Context) -> None:
        histogram, counter = self._instruments[token_type]
        histogram.record(tokens, attributes, context)
        counter.add(tokens, {**attributes, a.GEN_AI_TOKEN_MODALITY: a.MODALITY_TEXT}, context)


def _chosen(names: GenAINames, published: Metric, latest: Metric) -> list[Metric]:
    return [metric for metric, wanted in ((published, names.published), (latest, names.latest)) if wanted]


def _series(token_type: str, generation: "Generation") -> _Series:
    return token_type, generation.request.model, metric_tenant(generation.identity.tenant)


def _attributes(generation: "Generation") -> dict[str, str]:
    request = generation.request
    attributes = {
        **_identity(request.operation, request.model),
        **_tenant(metric_tenant(generation.identity.tenant)),
    }
    if request.model:
        attributes[a.GEN_AI_RESPONSE_MODEL] = request.model
    return attributes


def _identity(operation: str, model: str | None) -> dict[str, str]:
    return {
        a.GEN_AI_OPERATION_NAME: operation,
        a.GEN_AI_PROVIDER_NAME: a.PROVIDER_PADDLEPADDLE,
        **_model(model),
    }


def _model(model: str | None) -> dict[str, str]:
    return {a.GEN_AI_REQUEST_MODEL: model} if model else {}


def _tenant(tenant: str | None) -> dict[str, str]:
    return {a.PADDLE_TENANT_ID: tenant} if tenant else {}


def _remember(seen: set[Any], key: object) -> None:
    # A series that was reported goes on being reported as 0, so that "none in flight" can be told from "not running".
    if len(seen) < MAXIMUM_SERIES:
        seen.add(key)

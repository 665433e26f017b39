"""Programs that take token ids and give token ids: a run is a generation, with the counts that can be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from budgeted import budget, used
from inference.programs import computing, feed, predictor_of, raised_by, run, save
from observed import Generations, raising, returning, telemetry_on
from paddle_otel.budgets import BudgetExceeded
from paddle_otel.operations.generation_facts import GenerationResponse
from recording import Recorder

IDS: Final = ("input_ids", [None, None], "int64")
MASK: Final = ("attention_mask", [None, None], "int64")
LIMIT: Final = ("max_new_tokens", [1], "int64")
LABELS: Final = {
    "gen_ai.operation.name": "text_completion",
    "gen_ai.provider.name": "paddlepaddle",
    "gen_ai.request.model": "writer",
    "gen_ai.response.model": "writer",
}

Exporter = Callable[..., Any]


def written(paddle: Any, layer: Any, input_ids: Any, limit: Any) -> Any:
    """Return 50, 51 and so on: as many ids per row as the first id of the prompt says, at most the limit."""
    count = paddle.minimum(limit, input_ids[:1, 0]).reshape([1])
    new = paddle.arange(0, count, 1, dtype="int64").unsqueeze(0) + paddle.cast(layer.one, "int64") * 50
    return paddle.expand(new, [input_ids.shape[0], -1])


@pytest.fixture
def exported(observed: Recorder, paddle: Any, tmp_path: Path) -> Exporter:
    """Exports a ``forward`` with these inputs, and returns a predictor of it; its loading is forgotten."""

    def export(forward: Callable[..., Any], *inputs: tuple[str, list[int | None], str]) -> Any:
        path = tmp_path / "writer" / "model"
        save(paddle, computing(paddle, forward), path, inputs)
        predictor = predictor_of(paddle, path)
        observed.clear_spans()
        return predictor

    return export


@pytest.fixture
def writer(exported: Exporter, paddle: Any) -> Any:
    """A predictor of a program with a mask, a limit and ``top_k``."""

    def forward(self: Any, input_ids: Any, attention_mask: Any, max_new_tokens: Any, top_k: Any) -> Any:
        used = attention_mask[:, :1] * top_k
        return written(paddle, self, input_ids, max_new_tokens) + used - used

    return exported(forward, IDS, MASK, LIMIT, ("top_k", [1], "int64"))


def of(value: int, kind: str = "int64") -> Any:
    """Return an array of one number."""
    return np.array([value], kind)


def test_one_row_has_its_counts(writer: Any, observed: Recorder) -> None:
    """Prompt tokens by the mask, one output token per id that came out, ended by itself before the limit."""
    (ids,) = run(writer, np.array([[3, 5, 6, 0]]), np.array([[1, 1, 1, 0]]), of(5), of(1))
    assert ids.tolist() == [[50, 51, 52]]
    (span,) = observed.spans()
    assert span.name == "text_completion writer"
    assert dict(span.attributes or {}) == {
        **LABELS,
        "paddle.device": "cpu",
        "paddle.batch_size": 1,
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.top_k": 1,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 3,
        "paddle.sequences.output_tokens": (3,),
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert type((span.attributes or {})["gen_ai.request.max_tokens"]) is int
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 3
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 3
    assert observed.point("gen_ai.client.operation.duration").attributes == LABELS
    assert observed.point("paddle.request.active").value == 0
    assert observed.points("paddle.prediction.duration") == []


def test_a_full_answer_ends_by_its_length(writer: Any, observed: Recorder) -> None:
    """As many ids as were asked for."""
    run(writer, np.array([[9, 5]]), np.array([[1, 1]]), of(2), of(1))
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes["gen_ai.usage.output_tokens"] == 2
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)


def test_a_budget_refuses_before_the_program_runs(writer: Any, observed: Recorder) -> None:
    """Nothing was read and nothing written; the predictor works as before once the budget is gone."""
    inputs = (np.array([[3, 5, 6, 0]]), np.array([[1, 1, 1, 0]]), of(5), of(1))
    with budget(0, "refuse", scope="process") as name, pytest.raises(BudgetExceeded) as raised:
        run(writer, *inputs)
    assert (raised.value.budget, raised.value.limit) == (name, 0)
    (span,) = observed.spans()
    assert (span.attributes or {})["error.type"] == "paddle_otel.budgets.BudgetExceeded"
    usage = dict(observed.event("paddle.usage").attributes or {})
    assert (usage["gen_ai.usage.input_tokens"], usage["gen_ai.usage.output_tokens"]) == (0, 0)
    assert run(writer, *inputs)[0].tolist() == [[50, 51, 52]]


def test_what_a_program_wrote_is_counted_on_its_budget(writer: Any) -> None:
    """A budget cannot end a program's own loop; what it wrote is counted at its end."""
    with budget(2, "stop", scope="process") as name:
        run(writer, np.array([[3, 5, 6, 0]]), np.array([[1, 1, 1, 0]]), of(5), of(1))
        assert used(name) == 3


def test_of_several_rows_only_what_can_be_told(writer: Any, observed: Recorder) -> None:
    """Padding at the end of the shorter rows is not told from text; the prompts' tokens are."""
    rows, mask = np.array([[9, 5, 1], [1, 1, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    (ids,) = run(writer, rows, mask, of(4), of(1))
    assert ids.shape == (2, 4)
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 5
    assert attributes["paddle.batch_size"] == 2
    unknown = ("gen_ai.usage.output_tokens", "paddle.sequences.output_tokens", "gen_ai.response.finish_reasons")
    assert not set(unknown) & set(attributes)
    assert [point.attributes["gen_ai.token.type"] for point in observed.points("paddle.tokens")] == ["input"]


def test_several_rows_that_all_ended_early_have_stopped(writer: Any, observed: Recorder) -> None:
    """Fewer ids than asked for: every row came to its own end."""
    run(writer, np.array([[2, 5, 1], [1, 1, 0]]), np.array([[1, 1, 1], [1, 1, 0]]), of(4), of(1))
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes["gen_ai.response.finish_reasons"] == ("stop", "stop")
    assert "gen_ai.usage.output_tokens" not in attributes


@pytest.mark.parametrize(("limit", "counted"), [(2, 2), (4, None)])
def test_a_repeated_prompt_is_not_counted(
    exported: Exporter, paddle: Any, observed: Recorder, limit: int, counted: int | None
) -> None:
    """More ids than asked for begin with the prompt; where an answer could begin like it nothing is told."""

    def forward(self: Any, input_ids: Any, max_new_tokens: Any) -> Any:
        return paddle.concat([input_ids, written(paddle, self, input_ids, max_new_tokens)], axis=1)

    predictor = exported(forward, IDS, LIMIT)
    (ids,) = run(predictor, np.array([[2, 5]]), of(limit))
    assert ids.tolist() == [[2, 5, 50, 51]]
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes.get("gen_ai.usage.output_tokens") == counted
    assert attributes.get("gen_ai.response.finish_reasons") == (("length",) if counted else None)
    assert "gen_ai.usage.input_tokens" not in attributes  # no mask: padding is not told from text


@pytest.mark.parametrize("control", ["max_length", "top_p", "temperature"])
def test_what_controls_a_generation_makes_one(
    exported: Exporter, paddle: Any, observed: Recorder, control: str
) -> None:
    """Together with ``top_k``. Without a limit that says how many new tokens are wanted there is no finish reason."""
    kind = "int64" if control == "max_length" else "float32"

    def forward(self: Any, input_ids: Any, value: Any, top_k: Any) -> Any:
        used = paddle.cast(value, "int64") + top_k
        return written(paddle, self, input_ids, paddle.full([1], 9, "int64")) + used - used

    predictor = exported(forward, IDS, (control, [1], kind), ("top_k", [1], "int64"))
    (ids,) = run(predictor, np.array([[2, 5, 1]]), of(1, kind), of(4))
    assert ids.tolist() == [[50, 51]]
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes["gen_ai.usage.output_tokens"] == 2
    assert "gen_ai.response.finish_reasons" not in attributes
    assert "gen_ai.request.max_tokens" not in attributes
    assert attributes["gen_ai.request.top_k"] == 4
    assert attributes.get(f"gen_ai.request.{control}") == (None if control == "max_length" else 1.0)


@pytest.mark.parametrize("control", ["max_length", "top_k", "top_p", "temperature"])
def test_one_control_alone_makes_no_generation(
    exported: Exporter, paddle: Any, observed: Recorder, control: str
) -> None:
    """A program that retrieves documents takes ``top_k`` too, and gives their numbers: no token was generated."""

    def forward(self: Any, input_ids: Any, value: Any) -> Any:
        return written(paddle, self, input_ids, paddle.full([1], 9, "int64")) + value - value

    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        run(exported(forward, IDS, (control, [1], "int64")), np.array([[2, 5, 1]]), of(1))
    assert [span.name for span in observed.spans()] == ["predict writer", "request"]
    assert observed.points("paddle.tokens") == []


def test_several_answers_to_one_prompt_are_not_counted(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """Two rows for one: which of their ids are padding is not known."""

    def forward(self: Any, input_ids: Any, max_new_tokens: Any) -> Any:
        return paddle.tile(written(paddle, self, input_ids, max_new_tokens), [2, 1])

    (ids,) = run(exported(forward, IDS, LIMIT), np.array([[9, 5, 1, 1]]), of(2))
    assert ids.shape == (2, 2)
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes["paddle.batch_size"] == 1
    assert "gen_ai.usage.output_tokens" not in attributes
    assert "gen_ai.response.finish_reasons" not in attributes


def test_controls_that_differ_by_row_are_not_told(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """One attribute cannot hold what each row was given; a value that is the same for all rows is told."""

    def forward(self: Any, input_ids: Any, top_p: Any, temperature: Any) -> Any:
        used = paddle.cast(top_p + temperature, "int64")
        return written(paddle, self, input_ids, paddle.full([1], 9, "int64")) + used - used

    predictor = exported(forward, IDS, ("top_p", [None, 1], "float32"), ("temperature", [None, 1], "float32"))
    top_p, temperature = np.array([[0.5], [0.75]], "float32"), np.array([[0.5], [0.5]], "float32")
    values = {"input_ids": np.array([[2, 5], [1, 5]]), "top_p": top_p, "temperature": temperature}
    run(predictor, *(values[name] for name in predictor.get_input_names()))
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert "gen_ai.request.top_p" not in attributes
    assert attributes["gen_ai.request.temperature"] == 0.5


@pytest.mark.parametrize(("first", "counted"), [(2, 2), (9, None)])
def test_on_another_device_only_shapes_are_read(
    exported: Exporter,
    paddle: Any,
    observed: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    counted: int | None,
) -> None:
    """An answer that is shorter than the prompt cannot hold it; a longer one is not compared, so not counted."""
    monkeypatch.setattr("paddle_otel.inference.predictor_config._device", returning("gpu:0"))

    def forward(self: Any, input_ids: Any, max_new_tokens: Any) -> Any:
        return written(paddle, self, input_ids, max_new_tokens)

    predictor = exported(forward, IDS, LIMIT)
    feed(predictor, np.array([[first, 5, 1]]), of(9))
    with monkeypatch.context() as during:
        during.setattr(paddle.inference.Tensor, "copy_to_cpu", raising(AssertionError("copied from a device")))
        predictor.run()
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert attributes.get("gen_ai.usage.output_tokens") == counted
    assert attributes["paddle.device"] == "gpu:0"
    assert not {key for key in attributes if key.startswith("gen_ai.request.") and key != "gen_ai.request.model"}


def test_inside_a_generation_it_is_part_of_that(writer: Any, observed: Recorder) -> None:
    """A loop that generates with it reports its own tokens; they are not counted twice."""
    loop = Generations(telemetry_on(observed)).start("text_completion", "loop")
    run(writer, np.array([[3, 5, 6]]), np.array([[1, 1, 1]]), of(5), of(1))
    loop.finish(returning(GenerationResponse(input_tokens=3, sequences_output_tokens=(3,))))
    assert [span.name for span in observed.spans()] == ["text_completion loop"]
    assert observed.point("paddle.prediction.duration", paddle__model__name="writer").count == 1
    output = observed.point("paddle.tokens", gen_ai__token__type="output")
    assert (output.value, output.attributes["gen_ai.request.model"]) == (3, "loop")


def test_a_run_per_token_is_a_prediction(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """A program that keeps its state outside is run once per token; so is one without any control."""

    def forward(self: Any, input_ids: Any, max_new_tokens: Any, step_idx: Any) -> Any:
        return written(paddle, self, input_ids, max_new_tokens) + step_idx

    predictor = exported(forward, IDS, LIMIT, ("step_idx", [1], "int64"))
    run(predictor, np.array([[2, 5]]), of(2), of(0))
    assert observed.point("paddle.prediction.duration", paddle__model__name="writer").count == 1
    assert observed.points("gen_ai.client.operation.duration") == []


def test_ids_that_are_no_integers_are_none(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """A program that happens to call its features ``input_ids`` predicts."""

    def forward(self: Any, input_ids: Any, temperature: Any) -> Any:
        return input_ids * temperature * self.one

    assert paddle
    predictor = exported(forward, ("input_ids", [None, None], "float32"), ("temperature", [1], "float32"))
    run(predictor, np.ones((2, 3), "float32"), of(1, "float32"))
    assert observed.point("paddle.prediction.batch_size", paddle__model__name="writer").value == 2
    assert observed.points("gen_ai.client.operation.duration") == []


def test_scores_are_no_answer(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """Outputs that are no rows of integers are not counted as tokens."""

    def forward(self: Any, input_ids: Any, temperature: Any, top_p: Any) -> Any:
        return paddle.cast(input_ids, "float32") * temperature * top_p * self.one

    predictor = exported(forward, IDS, ("temperature", [1], "float32"), ("top_p", [1], "float32"))
    run(predictor, np.array([[2, 5]]), of(1, "float32"), of(1, "float32"))
    attributes = dict(observed.span("text_completion writer").attributes or {})
    assert "gen_ai.usage.output_tokens" not in attributes


def test_a_failed_generation_has_its_prompt(exported: Exporter, paddle: Any, observed: Recorder) -> None:
    """Paddle's exception reaches the caller; the tokens that were read are counted, none are written."""

    def forward(self: Any, input_ids: Any, attention_mask: Any, max_new_tokens: Any) -> Any:
        used = paddle.matmul(input_ids.astype("float32"), attention_mask.astype("float32")).sum().astype("int64")
        return written(paddle, self, input_ids, max_new_tokens) + used - used

    predictor = exported(forward, IDS, MASK, LIMIT)
    # Two by three times two by three is no matrix product.
    error = raised_by(run, predictor, np.ones((2, 3), "int64"), np.ones((2, 3), "int64"), of(2))
    assert type(error) is ValueError
    span = observed.span("text_completion writer")
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == "ValueError"
    assert attributes["gen_ai.usage.input_tokens"] == 6
    assert attributes["gen_ai.response.finish_reasons"] == ("error", "error")
    assert "gen_ai.usage.output_tokens" not in attributes


def test_no_token_id_is_recorded(writer: Any, observed: Recorder) -> None:
    """Neither those of the prompt nor those of the answer."""
    run(writer, np.array([[3, 7777777777777, 8888888888888]]), np.array([[1, 1, 1]]), of(5), of(1))
    told = str(observed.span("text_completion writer").to_json())
    assert "7777777777777" not in told  # so long that no time or id of a span holds them by chance
    assert "8888888888888" not in told

"""Programs that generate, run as a loaded layer or by an executor: generations as with a predictor."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from budgeted import budget, used
from inference.jit_programs import bits, inside, switched_on
from inference.programs import computing, raised_by, save
from inference.static_programs import static_mode
from observed import Generations, returning, telemetry_on
from paddle_otel.budgets import BudgetExceeded
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder

INPUTS: Final[list[tuple[str, list[int | None], str]]] = [
    ("input_ids", [None, None], "int64"),
    ("attention_mask", [None, None], "int64"),
    ("max_new_tokens", [1], "int64"),
]
PROMPT: Final = ([[3, 5, 6, 0]], [[1, 1, 1, 0]], [5])
WRITTEN: Final = {
    "gen_ai.operation.name": "text_completion",
    "gen_ai.provider.name": "paddlepaddle",
    "gen_ai.request.model": "writer",
    "gen_ai.response.model": "writer",
    "gen_ai.request.max_tokens": 5,
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.usage.output_tokens": 3,
    "gen_ai.response.finish_reasons": ("stop",),
    "paddle.sequences.output_tokens": (3,),
    "paddle.batch_size": 1,
    "paddle.device": "cpu",
}

Runner = Callable[..., Any]
Load = Callable[[Path], Runner]


def arrays(*values: Any) -> list[Any]:
    """Return whole numbers as arrays."""
    return [np.array(value, "int64") for value in values]


def forward_of(paddle: Any) -> Callable[..., Any]:
    """Return what writes 50, 51 and so on: as many as the first id of the prompt says, at most the limit."""

    def forward(self: Any, input_ids: Any, attention_mask: Any, max_new_tokens: Any) -> Any:
        count = paddle.minimum(max_new_tokens, input_ids[:1, 0]).reshape([1])
        new = paddle.arange(0, count, 1, dtype="int64").unsqueeze(0) + paddle.cast(self.one, "int64") * 50
        kept = paddle.matmul(input_ids.astype("float32"), attention_mask.astype("float32").t()).astype("int64")
        return paddle.expand(new, [input_ids.shape[0], -1]) + kept[:, :1] * 0

    return forward


@pytest.fixture(scope="module")
def program(paddle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the exported program."""
    path = tmp_path_factory.mktemp("programs") / "writer" / "model"
    save(paddle, computing(paddle, forward_of(paddle)), path, INPUTS)
    return path


@pytest.fixture(params=["layer", "executor"])
def load(request: pytest.FixtureRequest, paddle: Any) -> Generator[Load, None, None]:
    """Loads a program in one of the two ways; what it returns runs it on arrays and returns the ids."""
    if request.param == "layer":
        yield lambda path: _layer(paddle, path)
    else:
        with static_mode(paddle) as executor:
            yield lambda path: _executor(paddle, executor, path)


def _layer(paddle: Any, path: Path) -> Runner:
    layer = paddle.jit.load(str(path))
    return lambda *values: layer(*map(paddle.to_tensor, arrays(*values)))


def _executor(paddle: Any, executor: Any, path: Path, **options: Any) -> Runner:
    program, names, fetches = paddle.static.load_inference_model(str(path), executor)
    return lambda *values: executor.run(
        program, feed=dict(zip(names, arrays(*values), strict=True)), fetch_list=fetches, **options
    )[0]


@pytest.fixture
def writer(observed: Recorder, program: Path, load: Load) -> Runner:
    """Runs the program, which was loaded while it is observed; its loading is forgotten."""
    run = load(program)
    observed.clear_spans()
    return run


def test_a_run_is_a_generation(writer: Runner, observed: Recorder) -> None:
    """With its counts, and no prediction beside it."""
    assert writer(*PROMPT).tolist() == [[50, 51, 52]]
    (span,) = observed.spans()
    assert span.name == "text_completion writer"
    assert dict(span.attributes or {}) == WRITTEN
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 3
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 3
    assert observed.point("gen_ai.client.operation.duration").attributes["gen_ai.request.model"] == "writer"
    assert observed.points("paddle.prediction.duration") == []


def test_the_ids_are_the_same_bit_by_bit(recorder: Recorder, program: Path, load: Load) -> None:
    """With and without; a program that was loaded before is seen too, without its name."""
    run = load(program)
    plain = run(*PROMPT)
    with switched_on(recorder):
        seen = run(*PROMPT)
    assert (bits(seen), type(seen)) == (bits(plain), type(plain))
    attributes = dict(recorder.span("text_completion").attributes or {})
    unnamed = {key: value for key, value in WRITTEN.items() if value != "writer"}
    assert {key: attributes.get(key) for key in unnamed} == unnamed
    assert "gen_ai.request.model" not in attributes


def test_a_budget_refuses_before_the_program_runs(writer: Runner, observed: Recorder) -> None:
    """Nothing was read and nothing written; the program runs as before once the budget is gone."""
    with budget(0, "refuse", scope="process") as name, pytest.raises(BudgetExceeded) as raised:
        writer([[3, 5]], [[1, 1, 1]], [5])  # it would fail if it ran
    assert (raised.value.budget, raised.value.limit) == (name, 0)
    assert (observed.span("text_completion writer").attributes or {})["error.type"] == (
        "paddle_otel.budgets.BudgetExceeded"
    )
    usage = dict(observed.event("paddle.usage").attributes or {})
    assert (usage["gen_ai.usage.input_tokens"], usage["gen_ai.usage.output_tokens"]) == (0, 0)
    assert writer(*PROMPT).tolist() == [[50, 51, 52]]


def test_what_a_program_wrote_is_counted_on_its_budget(writer: Runner) -> None:
    """A budget cannot end a program's own loop; what it wrote is counted at its end."""
    with budget(2, "stop", scope="process") as name:
        writer(*PROMPT)
        assert used(name) == 3


def test_a_failed_run_has_its_prompt(writer: Runner, observed: Recorder) -> None:
    """Paddle's exception reaches the caller; the tokens that were read are counted, none are written."""
    ids, mask = [[3, 5, 6], [1, 1, 1]], [[1, 1, 1], [1, 1, 0]]
    error = raised_by(writer, ids, mask, [5, 5, 5])
    span = observed.span("text_completion writer")
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == type(error).__name__
    assert attributes["gen_ai.usage.input_tokens"] == 5
    assert "gen_ai.usage.output_tokens" not in attributes


def test_inside_another_models_call_it_is_part_of_that(writer: Runner, observed: Recorder) -> None:
    """Neither a generation nor a prediction."""
    with inside(inside_model_call()):
        writer(*PROMPT)
    assert observed.spans() == []
    assert observed.points("paddle.tokens") == []


def test_inside_a_generation_its_tokens_are_that_ones(writer: Runner, observed: Recorder) -> None:
    """A loop that generates with it reports its own; they are not counted twice."""
    loop = Generations(telemetry_on(observed)).start("text_completion", "loop")
    writer(*PROMPT)
    loop.finish(returning(GenerationResponse(input_tokens=3, sequences_output_tokens=(3,))))
    assert [span.name for span in observed.spans()] == ["text_completion loop"]
    assert observed.point("paddle.prediction.duration", paddle__model__name="writer").count == 1


def test_ids_that_are_no_integers_are_none(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """A layer that happens to call its features ``input_ids`` predicts."""

    def forward(self: Any, input_ids: Any, temperature: Any, top_p: Any) -> Any:
        return input_ids * temperature * top_p * self.one

    path = tmp_path / "scaling" / "model"
    inputs: list[tuple[str, list[int | None], str]] = [
        ("input_ids", [None, None], "float32"),
        ("temperature", [1], "float32"),
        ("top_p", [1], "float32"),
    ]
    save(paddle, computing(paddle, forward), path, inputs)
    paddle.jit.load(str(path))(paddle.ones([2, 3]), paddle.ones([1]), paddle.ones([1]))
    assert observed.point("paddle.prediction.duration", paddle__model__name="scaling").count == 1
    assert observed.points("gen_ai.client.operation.duration") == []


def test_ids_that_stay_in_the_executor_are_counted(observed: Recorder, paddle: Any, program: Path) -> None:
    """Where a run is asked for tensors in place of arrays, their shape tells as much."""
    with static_mode(paddle) as executor:
        ids = _executor(paddle, executor, program, return_numpy=False)(*PROMPT)
        assert np.array(ids).tolist() == [[50, 51, 52]]
    assert dict(observed.span("text_completion writer").attributes or {}) == WRITTEN

"""What happens below a Taskflow: tokenizer calls, runs of its program, generations."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import stacks
from library.expected import Prompts, attributes_of
from library.only_paddlenlp import own_task
from library.only_paddlenlp.conftest import CLASSIFIER, write_pretrained
from recording import Recorder

TEXTS = ["what is paris", "the capital of france"]
THREADS = 8


def names_below(recorder: Recorder, pipeline: str) -> list[str]:
    """Return the names of the spans right below a pipeline's only call, in their order."""
    children = recorder.children(recorder.span(f"pipeline {pipeline}"))
    return [span.name for span in sorted(children, key=lambda span: span.start_time or 0)]


def test_a_classification(predictors_observed: Recorder, taskflow: Callable[..., Any], classifier_folder: Path) -> None:
    """Below the pipeline each text is tokenized, and the program runs for it, under the name of the task's model."""
    made = taskflow("text_classification", task_path=str(classifier_folder))
    (load,) = [span for span in predictors_observed.spans() if span.parent is None]
    kinds = {str(attributes_of(span)["paddle.model.kind"]) for span in predictors_observed.children(load)}
    assert {"tokenizer", "predictor"} <= kinds
    assert {span.name for span in predictors_observed.spans()} == {f"load_model {CLASSIFIER}"}
    predictors_observed.clear_spans()
    results = made(TEXTS)
    assert [result["text"] for result in results] == TEXTS
    assert names_below(predictors_observed, "text_classification") == [
        *["tokenize BertTokenizer"] * 2,
        *[f"predict {CLASSIFIER}"] * 2,
    ]
    pipeline = attributes_of(predictors_observed.span("pipeline text_classification"))
    assert pipeline["paddle.model.name"] == CLASSIFIER
    assert (pipeline["paddle.pipeline.inputs"], pipeline["paddle.pipeline.results"]) == (2, 2)
    tokens = [attributes_of(s)["paddle.tokenizer.tokens"] for s in predictors_observed.spans("tokenize BertTokenizer")]
    assert tokens == [5, 6]  # with [CLS] and [SEP]
    runs = predictors_observed.point("paddle.prediction.duration")
    assert (runs.count, runs.attributes["paddle.model.name"]) == (2, CLASSIFIER)


def test_a_program_in_batches(
    predictors_observed: Recorder, taskflow: Callable[..., Any], classifier_folder: Path
) -> None:
    """Three texts in batches of two: two runs, of two rows and of one."""
    made = taskflow("text_classification", task_path=str(classifier_folder), batch_size=2)
    predictors_observed.clear_spans()
    made([*TEXTS, "a river"])
    rows = [attributes_of(s)["paddle.batch_size"] for s in predictors_observed.spans(f"predict {CLASSIFIER}")]
    assert rows == [2, 1]


# The library warns about its own arguments.
@pytest.mark.filterwarnings("ignore:The `(max_seq_len|pad_to_max_length)` argument is deprecated:FutureWarning")
def test_an_extraction(
    predictors_observed: Recorder, stack: stacks.Stack, taskflow: Callable[..., Any], tmp_path: Path
) -> None:
    """For each part of its schema information extraction tokenizes the texts, and asks the model for all at once."""
    write_pretrained(stack, tmp_path, "ErnieTokenizer", "ErnieConfig", "UIE")
    schema = ["capital", "river", "paris"]
    made = taskflow("information_extraction", task_path=str(tmp_path), schema=schema, schema_lang="en", max_seq_len=64)
    predictors_observed.clear_spans()
    results = made(TEXTS)
    run = f"predict {tmp_path.name}"
    part = [*["tokenize ErnieTokenizer"] * len(TEXTS), run]
    assert names_below(predictors_observed, "information_extraction") == part * len(schema)
    rows = [attributes_of(span)["paddle.batch_size"] for span in predictors_observed.spans(run)]
    assert rows == [len(TEXTS)] * len(schema)
    pipeline = attributes_of(predictors_observed.span("pipeline information_extraction"))
    assert pipeline["paddle.pipeline.results"] == len(results) == len(TEXTS)


def test_results_are_the_same_to_the_bit(
    recorder: Recorder, stack: stacks.Stack, taskflow: Callable[..., Any], classifier_folder: Path, classifier: Any
) -> None:
    """Loaded and called with us, or without: the same labels and scores."""
    without = classifier(TEXTS)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    loaded_with_us = taskflow("text_classification", task_path=str(classifier_folder))
    assert [loaded_with_us(TEXTS), classifier(TEXTS)] == [without, without]
    instrumentor.uninstrument()
    assert loaded_with_us(TEXTS) == without
    assert len(recorder.spans("pipeline text_classification")) == 2


def test_a_taskflow_that_was_loaded_before(observed: Recorder, classifier: Any) -> None:
    """It is observed all the same, with its model's name."""
    classifier(TEXTS)
    assert attributes_of(observed.span("pipeline text_classification"))["paddle.model.name"] == CLASSIFIER
    assert names_below(observed, "text_classification") == ["tokenize BertTokenizer"] * 2


def test_a_generation_below_a_taskflow(
    observed: Recorder,
    taskflow: Callable[..., Any],
    llama: Any,
    prompts: Prompts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task that generates: the generation is below the pipeline, whole."""
    own_task.register(monkeypatch, lambda _: llama.generate(**prompts.first, max_new_tokens=2)[0])
    made = taskflow(own_task.TASK)
    made("a")
    assert names_below(observed, own_task.TASK) == ["text_completion"]
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 5


def test_a_model_that_a_taskflow_calls(
    observed: Recorder,
    stack: stacks.Stack,
    taskflow: Callable[..., Any],
    paddle: Any,
    classifier_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task that calls its model without exporting it: a prediction below the pipeline."""
    model = stack.module("transformers").BertForSequenceClassification.from_pretrained(str(classifier_folder))
    model.eval()
    own_task.register(monkeypatch, lambda _: model(paddle.to_tensor([[2, 9, 3]])))
    made = taskflow(own_task.TASK)
    made("a")
    assert names_below(observed, own_task.TASK) == [f"predict {CLASSIFIER}"]


def test_threads_that_take_turns(predictors_observed: Recorder, classifier: Any) -> None:
    """A program runs in one thread at a time; each thread's runs are below its own call."""
    expected = classifier(TEXTS)
    predictors_observed.clear_spans()
    turn = threading.Lock()
    tracer = predictors_observed.tracer_provider.get_tracer("a service")

    def request(number: int) -> Any:
        with tracer.start_as_current_span(f"request {number}"), turn:
            return classifier(TEXTS)

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(request, range(THREADS))) == [expected] * THREADS
    for number in range(THREADS):
        (pipeline,) = predictors_observed.children(predictors_observed.span(f"request {number}"))
        below = [span.name for span in predictors_observed.children(pipeline)]
        # It was loaded before anything was patched: nobody knows what its program was loaded as.
        assert below == [*["tokenize BertTokenizer"] * 2, *["predict unknown"] * 2]

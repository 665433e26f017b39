"""Taskflows that need no download: words by a dictionary, and a classifier with random weights."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import stacks
from library.words import WORDS
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

CLASSIFIER: Final = "tiny-classifier"


@pytest.fixture(scope="session")
def taskflow(paddle: Any) -> Callable[..., Any]:
    """Makes a Taskflow.

    Paddle warns in many ways while it converts a program, and converts it differently where a warning raises.
    """
    assert paddle
    kind: Any = importlib.import_module("paddlenlp").Taskflow

    def make(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(*args, **kwargs)

    return make


@pytest.fixture(scope="session")
def segmenter(taskflow: Callable[..., Any]) -> Any:
    """Splits Chinese text into words; loaded before anything was patched."""
    made = taskflow("word_segmentation", mode="fast")
    made("北京")  # reads its dictionary
    return made


@pytest.fixture(scope="session")
def classifier_folder(
    stack: stacks.Stack, taskflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A small BERT with random weights that classifies texts, its tokenizer and its program, written without us."""
    folder = tmp_path_factory.mktemp("models") / CLASSIFIER
    folder.mkdir()
    write_pretrained(stack, folder, "BertTokenizer", "BertConfig", "BertForSequenceClassification")
    taskflow("text_classification", task_path=str(folder))
    return folder


@pytest.fixture(scope="session")
def classifier(taskflow: Callable[..., Any], classifier_folder: Path) -> Any:
    """Classifies texts; loaded before anything was patched."""
    return taskflow("text_classification", task_path=str(classifier_folder))


@pytest.fixture
def predictors_observed(observed: Recorder) -> Iterator[Recorder]:
    """The SDK in memory that both instrumentors report to while the test runs: PaddleNLP's and that of programs."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**observed.providers)
    yield observed
    instrumentor.uninstrument()


def write_pretrained(stack: stacks.Stack, folder: Path, tokenizer: str, config: str, model: str) -> None:
    """Write a small model with random weights, always the same ones, and its tokenizer."""
    transformers = stack.module("transformers")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), encoding="utf-8")
    getattr(transformers, tokenizer)(str(vocabulary)).save_pretrained(str(folder))
    importlib.import_module("paddle").seed(stacks.WEIGHTS_SEED)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    chosen = getattr(transformers, config)(
        vocab_size=stacks.VOCABULARY_SIZE, max_position_embeddings=64, num_labels=2, **sizes
    )
    made = getattr(transformers, model)(chosen)
    made.eval()
    made.save_pretrained(str(folder))

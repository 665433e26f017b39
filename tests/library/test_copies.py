"""Copying, pickling, saving and exporting work as they do without us."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import stacks
from library.expected import Prompts, generation, generations, held_by, rows_of
from recording import Recorder

ADDRESS = re.compile(r"0x[0-9a-f]+")


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """Return what a call returned, or the class of what it raised."""
    try:
        return "returned", call()
    except Exception as error:  # noqa: BLE001 - compared with what happens without us
        return "raised", type(error).__name__


def class_of(model: Any) -> Any:
    """Return a model's class, whose attributes nobody knows the types of."""
    return cast("Any", type(model))


@pytest.fixture
def instrumented(stack: stacks.Stack, recorder: Recorder) -> Any:
    """Switches the instrumentor on when called; it is switched off at the end."""
    used: list[Any] = []

    def switch_on() -> Recorder:
        instrumentor = stack.new_instrumentor()
        instrumentor.instrument(**recorder.providers)
        used.append(instrumentor)
        return recorder

    yield switch_on
    for instrumentor in used:
        instrumentor.uninstrument()


METHODS: dict[str, Callable[[Any], Any]] = {
    "the bound method": lambda model: model.generate,
    "the function of the class": lambda model: class_of(model).generate,
    "the function of the mixin": lambda model: next(
        held_by(kind)["generate"] for kind in class_of(model).__mro__ if "generate" in held_by(kind)
    ),
    "the class method": lambda model: class_of(model).from_pretrained,
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda held: pickle.loads(pickle.dumps(held)),  # noqa: S301 - its own bytes
    "old pickle": lambda held: pickle.loads(pickle.dumps(held, 2)),  # noqa: S301 - its own bytes
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("what", METHODS)
def test_patched_methods_are_copied_like_plain_ones(
    what: str, how: str, llama: Any, instrumented: Callable[[], Recorder]
) -> None:
    """What can be copied without us can be copied with us, and is as callable as before; what cannot, cannot."""

    def copied() -> tuple[str, ...]:
        result = COPIES[how](METHODS[what](llama))
        return result.__name__, result.__qualname__, str(callable(result)), str(inspect.ismethod(result))

    alone = outcome(copied)
    instrumented()
    assert outcome(copied) == alone


@pytest.mark.parametrize("how", ["deep copy", "pickle"])
def test_a_copied_method_generates(
    how: str, llama: Any, prompts: Prompts, instrumented: Callable[[], Recorder]
) -> None:
    """It belongs to a copied model and is observed like any other; where a pickled model does not work, it does not."""
    options = {**prompts.first, "max_new_tokens": 3}

    def generate() -> list[list[int]]:
        return rows_of(COPIES[how](llama.generate)(**options)[0])

    alone = outcome(generate)
    recorder = instrumented()
    assert outcome(generate) == alone
    assert alone[0] == "raised" or generation(recorder)


def test_a_copied_model_generates(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """``copy.deepcopy(model)``: another model with the same weights."""
    twin = copy.deepcopy(llama)
    assert twin is not llama
    options = {**prompts.both, "max_new_tokens": 4}
    assert rows_of(twin.generate(**options)[0]) == rows_of(llama.generate(**options)[0])
    assert len(generations(observed)) == 2


def test_a_pickle_made_with_us_is_read_without_us(
    llama: Any, instrumented: Callable[[], Recorder], stack: stacks.Stack
) -> None:
    """As ``spawn`` does with a method given to another process."""
    kind = class_of(llama)
    instrumented()
    function, method = pickle.dumps(kind.generate), pickle.dumps(kind.from_pretrained)
    stack.new_instrumentor().uninstrument()
    assert pickle.loads(function) is kind.generate  # noqa: S301 - its own bytes
    assert pickle.loads(method) == kind.from_pretrained  # noqa: S301 - its own bytes


def test_a_method_says_the_same_about_itself(llama: Any, instrumented: Callable[[], Recorder]) -> None:
    """Signature, name, documentation, owner, kind, source."""

    def facts() -> list[Any]:
        method = llama.generate
        return [
            str(inspect.signature(method)),
            method.__name__,
            method.__qualname__,
            method.__module__,
            method.__doc__,
            method.__self__ is llama,
            inspect.ismethod(method),
            inspect.isroutine(method),
            inspect.getsource(method),
            method == llama.generate,
            hash(method) == hash(llama.generate),
            ADDRESS.sub("", str(inspect.signature(class_of(llama).from_pretrained))),
        ]

    alone = facts()
    instrumented()
    assert facts() == alone


@pytest.mark.parametrize("how", COPIES)
def test_tokenizers_are_copied_like_plain_ones(
    how: str, stack: stacks.Stack, tokenizer_kind: str, tmp_path: Path, instrumented: Callable[[], Recorder]
) -> None:
    """The same outcome: some of the libraries' tokenizers cannot be pickled, some not even copied."""
    folders = [tmp_path / name for name in ("alone", "with us")]
    for folder in folders:
        folder.mkdir()

    def copied(folder: Path) -> Any:
        return COPIES[how](stack.tokenizer(tokenizer_kind, folder))("what is")["input_ids"]

    alone = outcome(lambda: copied(folders[0]))
    instrumented()
    assert outcome(lambda: copied(folders[1])) == alone


def test_saving_writes_the_same_files(llama: Any, tmp_path: Path, instrumented: Callable[[], Recorder]) -> None:
    """``save_pretrained``: names and contents."""

    def saved(name: str) -> dict[str, bytes]:
        llama.save_pretrained(str(tmp_path / name))
        return {file.name: file.read_bytes() for file in (tmp_path / name).iterdir() if file.is_file()}

    alone = saved("alone")
    recorder = instrumented()
    assert saved("with-us") == alone
    assert recorder.spans() == []


def exportable(stack: stacks.Stack, paddle: Any) -> Any:
    """Return a model of the library that every version of Paddle can export."""
    base = stack.module("transformers").PretrainedModel

    class Exportable(base):
        config_class = stack.module("transformers").LlamaConfig
        base_model_prefix = "model"

        def __init__(self, config: Any) -> None:
            base.__init__(self, config)
            self.embedding = paddle.nn.Embedding(config.vocab_size, config.hidden_size)
            self.output = paddle.nn.Linear(config.hidden_size, config.vocab_size)

        def forward(self, input_ids: Any) -> Any:
            return self.output(self.embedding(input_ids))

    paddle.seed(stacks.WEIGHTS_SEED)
    kind = stack.models["llama"]
    model = Exportable(Exportable.config_class(**kind.config))
    model.eval()
    return model


def test_exporting_works(observed: Recorder, stack: stacks.Stack, paddle: Any, tmp_path: Path) -> None:
    """``paddle.jit.to_static`` and ``paddle.jit.save``: the exported program computes what the model computes."""
    model = exportable(stack, paddle)
    ids = paddle.to_tensor([[1, 5, 6]])
    expected = model(ids).numpy()
    assert (paddle.jit.to_static(model)(ids).numpy() == expected).all()
    shape = paddle.static.InputSpec([None, None], "int64")
    program = paddle.jit.to_static(exportable(stack, paddle), input_spec=[shape], full_graph=True)
    paddle.jit.save(program, str(tmp_path / "exported"))
    assert abs(paddle.jit.load(str(tmp_path / "exported"))(ids).numpy() - expected).max() < 1e-5
    assert generations(observed) == []


def test_a_model_still_generates_after_all_that(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Nothing of the above leaves a trace on the shared model."""
    llama.generate(**prompts.first, max_new_tokens=1)
    assert generation(observed)

"""``from_pretrained`` with us in between, and what a model is called."""

import gc
import os
import pathlib
from typing import Any, cast

import pytest
from opentelemetry.trace import StatusCode

from observed import raising
from paddle_otel.pretrained import load_patches
from paddle_otel.pretrained.model_facts import configured_name, model_name
from stub_instrumented import Instrumented
from stub_library import module


class OnlyPathLike(os.PathLike[Any]):
    """A path that says where it is in one way only."""

    def __init__(self, path: Any) -> None:
        self._path = path

    def __fspath__(self) -> Any:
        return self._path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Qwen2-0.5B", "Qwen2-0.5B"),
        ("Qwen/Qwen2-0.5B", "Qwen2-0.5B"),
        ("/home/me/models/llama", "llama"),
        ("/home/me/models/llama/", "llama"),
        ("/home/me/models/llama//.", "llama"),
        ("./llama", "llama"),
        ("../models/llama", "llama"),
        ("~/llama", "llama"),
        ("C:\\Users\\me\\models\\llama", "llama"),
        ("C:\\Users\\me\\models\\llama\\", "llama"),
        ("models\\llama/7b", "7b"),
        (pathlib.PurePosixPath("/srv/llama"), "llama"),
        (pathlib.PureWindowsPath("C:\\srv\\llama"), "llama"),
        (OnlyPathLike("/srv/llama"), "llama"),
        (OnlyPathLike(b"/srv/llama"), None),
        (b"/srv/llama", None),
        ("", None),
        ("/", None),
        (".", None),
        ("..", None),
        (None, None),
        (5, None),
        (object(), None),
        ({"a": "b"}, None),
    ],
)
def test_a_model_s_name(path: Any, name: str | None) -> None:
    """The last part of a hub name or path; a local absolute path never leaves the process."""
    assert model_name(path) == name


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"name_or_path": "Qwen/Qwen2"}, "Qwen2"),
        ({"name_or_path": "", "_name_or_path": "/srv/llama"}, "llama"),
        ({"name_or_path": ""}, None),
        ({}, None),
    ],
)
def test_a_configured_name(config: dict[str, Any], name: str | None) -> None:
    """What the configuration carries, if anything."""
    model = type("Model", (), {"config": type("Config", (), config)()})()
    assert configured_name(model) == name
    assert configured_name(object()) is None


def load(instrumented: Instrumented, *args: Any, **kwargs: Any) -> Any:
    """Load a model."""
    kind = module(f"{instrumented.library}.transformers.model_utils").StubForCausalLM
    return kind.from_pretrained(*args, **kwargs)


@pytest.mark.parametrize("keyword", [True, False])
def test_a_model(instrumented: Instrumented, keyword: bool) -> None:
    """Span, duration and state; the name then names the model's generations."""
    path = "/srv/models/Qwen2-0.5B/"
    model = load(instrumented, pretrained_model_name_or_path=path) if keyword else load(instrumented, path)
    assert instrumented.attributes("load_model Qwen2-0.5B") == {
        "paddle.model.kind": "pretrained_model",
        "paddle.model.name": "Qwen2-0.5B",
        "paddle.model.class": "StubForCausalLM",
    }
    assert instrumented.recorder.point("paddle.model.state", paddle__model__state="ready").value == 1
    stub = instrumented.stub()
    model.script = stub.script
    model.generate(stub.input_ids)
    assert instrumented.attributes("text_completion Qwen2-0.5B")["gen_ai.response.model"] == "Qwen2-0.5B"
    del model
    gc.collect()
    assert instrumented.recorder.point("paddle.model.state", paddle__model__state="unloaded").value == 1


def test_a_load_inside_a_load_is_part_of_it(instrumented: Instrumented) -> None:
    """One span for the outer load."""
    load(instrumented, "outer")
    assert [span.name for span in instrumented.recorder.spans()] == ["load_model outer"]


def test_a_tokenizer(instrumented: Instrumented) -> None:
    """A span and a duration of the kind ``tokenizer``, once, though the library's methods call each other."""
    kind = cast("Any", type(instrumented.tokenizer()))
    tokenizer: object = kind.from_pretrained("Qwen/Qwen2-0.5B")
    assert type(tokenizer).__name__ == "StubTokenizer"
    assert instrumented.attributes("load_model Qwen2-0.5B") == {
        "paddle.model.kind": "tokenizer",
        "paddle.model.name": "Qwen2-0.5B",
        "paddle.model.class": "StubTokenizer",
    }
    assert instrumented.recorder.points("paddle.model.state") == []


def test_a_failure(instrumented: Instrumented) -> None:
    """The library's exception as it is, a failed model, and the next load is observed again."""
    with pytest.raises(OSError, match=r"^no such model$") as caught:
        load(instrumented, "missing")
    assert caught.traceback[-1].name == "from_pretrained"
    assert caught.value.__context__ is None
    assert instrumented.recorder.span("load_model missing").status.status_code is StatusCode.ERROR
    assert instrumented.recorder.point("paddle.model.state", paddle__model__state="failed").value == 1
    load(instrumented, "there")
    assert len(instrumented.recorder.spans("load_model there")) == 1


def test_missing_arguments_are_python_s_matter(instrumented: Instrumented) -> None:
    """Called without a name, it fails as without us."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'pretrained_model_name_or_path'"):
        load(instrumented)


def test_the_class_that_loads_is_the_one_that_was_asked(instrumented: Instrumented) -> None:
    """A subclass's class method makes the subclass, also through a kept reference and after ``uninstrument()``."""
    kind = module(f"{instrumented.library}.transformers.model_utils").StubForCausalLM
    kept = kind.from_pretrained
    assert type(kept("a")) is kind
    instrumented.off()
    assert type(kept("b")) is kind
    assert len(instrumented.recorder.spans()) == 1


@pytest.mark.parametrize("fault", ["model_name"])
def test_a_bug_of_ours(
    instrumented: Instrumented,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    telemetry_trouble: Any,
    fault: str,
) -> None:
    """The model is loaded, twice, with one warning."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(load_patches, fault, raising(RuntimeError("/home/me/secret")))
    for _ in range(2):
        assert type(load(instrumented, "a")).__name__ == "StubForCausalLM"
    assert len([record for record in caplog.records if record.name == "paddle_otel"]) == 1
    assert "secret" not in caplog.text


def test_a_model_with_loading_information(instrumented: Instrumented, telemetry_trouble: Any) -> None:
    """A tuple comes back as it is, and the load is recorded."""
    telemetry_trouble.expected = True  # no weak reference to a tuple: when the model goes cannot be told
    model, information = load(instrumented, "a", output_loading_info=True)
    assert (type(model).__name__, information) == ("StubForCausalLM", {})
    assert len(instrumented.recorder.spans("load_model a")) == 1

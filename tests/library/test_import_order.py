"""Switched on before anything of Paddle is imported, in a process of its own."""

import os
import subprocess
import sys
import textwrap

import stacks

_TINY = """
import sys
from recording import Recorder
import stacks
stack = stacks.current()
recorder = Recorder()
"""


def run(program: str) -> str:
    """Run a program that knows the stack and a recorder, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", _TINY + textwrap.dedent(program)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_nothing_imports_paddle(stack: stacks.Stack) -> None:
    """Switching on and off leaves the libraries unimported; only a program that uses them pays for them."""
    printed = run("""
        for _ in range(2):
            instrumentor = stack.new_instrumentor()
            instrumentor.instrument(**recorder.providers)
            instrumentor.uninstrument()
        instrumentor.instrument(**recorder.providers)
        heavy = {"paddle", "paddlenlp", "paddleformers", "transformers", "numpy"}
        print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
    """)
    assert printed == "[]\n"
    assert stack.library in {"paddlenlp", "paddleformers"}


def test_switched_on_before_the_import() -> None:
    """Patched when the program imports the library; switched off before another model, nothing more is seen."""
    printed = run("""
        from library.expected import Prompts, generations
        instrumentor = stack.new_instrumentor()
        instrumentor.instrument(**recorder.providers)
        import paddle
        model, prompts = stack.model("llama"), Prompts(paddle)
        ids, _ = model.generate(**prompts.both, max_new_tokens=3, eos_token_id=None)
        (span,) = generations(recorder)
        print(span.name, span.attributes["gen_ai.usage.input_tokens"], span.attributes["gen_ai.usage.output_tokens"])
        instrumentor.uninstrument()
        model.generate(**prompts.both, max_new_tokens=3)
        print(len(generations(recorder)))
        instrumentor.instrument(**recorder.providers)
        model.generate(**prompts.both, max_new_tokens=3)
        print(len(generations(recorder)))
    """)
    assert printed.splitlines()[-3:] == ["text_completion 8 6", "1", "2"]


def test_switched_off_before_the_import() -> None:
    """Hooks that wait for an import do nothing when nobody waits any more."""
    printed = run("""
        instrumentor = stack.new_instrumentor()
        instrumentor.instrument(**recorder.providers)
        instrumentor.uninstrument()
        import wrapt
        wrapped = [
            f"{kind.__name__}.{name}"
            for kind in stack.patched_classes()
            for name, value in vars(kind).items()
            if isinstance(value, wrapt.ObjectProxy)
        ]
        print(wrapped)
    """)
    assert printed.splitlines()[-1] == "[]"

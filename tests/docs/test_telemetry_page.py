"""The page that lists what is emitted follows the code."""

import importlib.util
from pathlib import Path
from typing import Any

from paddle_otel.conventions import attributes
from paddle_otel.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_the_one_the_code_makes() -> None:
    """``python docs/generate_telemetry.py`` would change nothing."""
    spec = importlib.util.spec_from_file_location("generate_telemetry", DOCS / "generate_telemetry.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "telemetry.md").read_text(encoding="utf-8") == module.page()


def test_every_own_attribute_is_on_the_page() -> None:
    """A name in the conventions that the page does not mention would be undocumented."""
    page = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    names = {value for key, value in vars(attributes).items() if key.startswith(("PADDLE_", "GEN_AI_", "HW_"))}
    dotted = {name for name in names if "." in name}
    assert not [name for name in sorted(dotted) if f"`{name}`" not in page]


def test_every_setting_is_on_the_configuration_page() -> None:
    """Name and default of each variable."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for name, default in vars(Settings()).items():
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert f"| `{PREFIX}{name.upper()}` | {f'`{shown}`' if shown else 'unset'} |" in page

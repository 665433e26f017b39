"""The page that lists what is emitted follows the code."""

from docs.generators import DOCS, generator
from paddle_otel.conventions import attributes
from paddle_otel.settings import PREFIX, Settings


def test_the_page_is_the_one_the_code_makes() -> None:
    """``python docs/generate_telemetry.py`` would change nothing."""
    assert (DOCS / "telemetry.md").read_text(encoding="utf-8") == generator("generate_telemetry").page()


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

"""What these tests share."""

from context_leaks import nothing_left_in_the_context
from stub_instrumented import instrumented, library, switched_off

__all__ = ["instrumented", "library", "nothing_left_in_the_context", "switched_off"]

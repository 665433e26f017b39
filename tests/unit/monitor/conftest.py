"""What the tests of monitors and token counters share."""

from context_leaks import nothing_left_in_the_context

__all__ = ["nothing_left_in_the_context"]

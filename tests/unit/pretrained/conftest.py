"""What these tests share."""

from context_leaks import nothing_left_in_the_context as nothing_left_in_the_context  # a fixture

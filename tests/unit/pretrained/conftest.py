"""What these tests share."""

from context_leaks import nothing_left_in_the_context as nothing_left_in_the_context  # a fixture
from stub_instrumented import instrumented as instrumented  # a fixture
from stub_instrumented import library as library  # a fixture
from stub_instrumented import switched_off as switched_off  # a fixture

"""With the stock instrumentation of threads a program need not hand on who asked."""

from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import pytest

from budgeted import budget
from library.asked_in_threads import ENDLESS, LIMIT, Call, Service, assert_is_of_the_request, in_a_thread
from library.expected import Prompts, attributes_of, generation
from paddle_otel.identity import identify
from recording import Recorder

pytestmark = pytest.mark.usefixtures("stock_threads")


def test_a_thread_of_the_program(observed: Recorder, service: Service, prompts: Prompts) -> None:
    """The span has its parent and the tenant, whose budget stops the generation."""
    written = service.answer(prompts, in_a_thread)
    assert_is_of_the_request(observed, generation(observed), written)


def test_a_thread_whose_target_is_generate(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """As the libraries' own examples start it, with nothing of the program around it."""
    with budget(LIMIT, scope="tenant"), identify(tenant="acme"):
        thread = Thread(target=llama.generate, kwargs={**prompts.first, **ENDLESS})
        thread.start()
        thread.join()
    found = attributes_of(generation(observed))
    assert found["paddle.tenant.id"] == "acme"
    assert found["gen_ai.usage.output_tokens"] == LIMIT


def test_a_pool_of_threads(observed: Recorder, service: Service, prompts: Prompts) -> None:
    """Who filled the pool has asked, not who did when its thread was started."""
    with ThreadPoolExecutor(1) as pool:
        with identify(tenant="another"):
            pool.submit(str).result()

        def submit(call: Call) -> Call:
            return pool.submit(call).result

        written = service.answer(prompts, submit)
    assert_is_of_the_request(observed, generation(observed), written)

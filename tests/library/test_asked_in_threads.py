"""Who asked is known in a thread that runs in a copy of the request's context; nothing has to be installed for that."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from library.asked_in_threads import (
    ENDLESS,
    Call,
    Service,
    assert_is_of_the_request,
    in_a_thread,
    in_a_thread_with_a_copy,
)
from library.expected import Prompts, attributes_of, generation
from recording import Recorder


def test_a_thread_with_a_copy_of_the_context(observed: Recorder, service: Service, prompts: Prompts) -> None:
    """The span has its parent and the tenant, whose budget stops the generation."""
    written = service.answer(prompts, in_a_thread_with_a_copy)
    assert_is_of_the_request(observed, generation(observed), written)


def test_a_pool_that_is_given_a_copy_of_the_context(observed: Recorder, service: Service, prompts: Prompts) -> None:
    """Also where the pool's thread has worked for somebody else before."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(str).result()

        def submit(call: Call) -> Call:
            return pool.submit(copy_context().run, call).result

        written = service.answer(prompts, submit)
    assert_is_of_the_request(observed, generation(observed), written)


def test_a_plain_thread_does_not_know_who_asked(observed: Recorder, service: Service, prompts: Prompts) -> None:
    """It is no mistake of its: the generation is a trace of its own, of nobody, and no tenant's budget applies."""
    written = service.answer(prompts, in_a_thread)
    span = generation(observed)
    assert span.parent is None
    assert "paddle.tenant.id" not in attributes_of(span)
    assert [len(row) for row in written] == [ENDLESS["max_new_tokens"]]

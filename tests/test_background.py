"""What is left for later is done in order, by a thread that is gone afterwards, and no failure of it is lost."""

import threading
import time

import pytest

from ganctl.host.background import MOST_PENDING, Background


def test_work_is_done_in_order_by_one_thread_that_is_gone_afterwards() -> None:
    before, done = threading.enumerate(), []
    with Background() as background:
        for i in range(3 * MOST_PENDING):
            background.do(lambda i=i: done.append((i, threading.current_thread())), pytest.fail)
    assert [i for i, _ in done] == list(range(3 * MOST_PENDING))
    assert len({thread for _, thread in done} - {threading.current_thread()}) == 1
    assert threading.enumerate() == before


def test_a_failure_is_told_in_the_thread_of_the_next_caller_and_the_rest_is_done() -> None:
    told, done = [], []

    def failed(error: Exception) -> None:
        told.append((str(error), threading.current_thread()))

    with Background() as background:
        background.do(lambda: [][1], failed)
        background.do(lambda: done.append(1), failed)
        background.finish()
        assert told == [("list index out of range", threading.current_thread())]
        background.finish()
    assert len(told) == len(done) == 1


def test_what_whoever_is_told_raises_reaches_the_caller() -> None:
    def failed(error: Exception) -> None:
        raise error

    with Background() as background:
        background.do(lambda: [][1], failed)
        with pytest.raises(IndexError):
            background.finish()


@pytest.mark.slow
def test_no_more_than_so_much_is_ever_pending() -> None:
    with Background() as background:
        background.do(lambda: time.sleep(2), pytest.fail)
        for _ in range(MOST_PENDING + 1):
            began = time.monotonic()
            background.do(lambda: None, pytest.fail)
        assert time.monotonic() - began < 1
        assert len(background._pending) <= MOST_PENDING

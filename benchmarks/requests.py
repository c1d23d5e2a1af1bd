"""What a column's process does: it answers requests, a line of JSON at a time (`benchmarks.process.Worker` asks)."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ganctl.lazy import take_the_process

Side = TypeVar("Side")


def serve(make_side: Callable[[], Side], answer: Callable[[Side, dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests on standard input until it ends. The first line on standard output says that it has begun.

    Args:
        make_side: makes whoever plays.
        answer: does what is asked, and returns the answer.
    """
    take_the_process()
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    side = make_side()
    print(json.dumps({}), file=answers)
    for line in sys.stdin:
        print(json.dumps(answer(side, json.loads(line))), file=answers)

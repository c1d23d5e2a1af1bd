"""Huge pages for tensors: fewer, larger entries in the processor's table of addresses.

Where Linux gives them only to programs that ask (`madvise`, as on Ubuntu and Fedora), the C library's allocator asks if
its environment said so when the process began (glibc's manual, "Memory Allocation Tunables"). No call does it later.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

TUNABLE = "glibc.malloc.hugetlb"
_POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_FIRST_GLIBC = (2, 35)


def restart_with_huge_pages() -> None:
    """Replace this process by itself with an allocator that asks for huge pages, if that helps and nobody has decided.

    To be called before anything else, which would be done twice. `GLIBC_TUNABLES=glibc.malloc.hugetlb=0` is a decision.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if TUNABLE in tunables or not _given_to_who_asks():
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, f"{TUNABLE}=1"]))
    with suppress(OSError):  # a program without huge pages is a slower one, and no worse
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _given_to_who_asks() -> bool:
    """Whether Linux waits to be asked, and the C library can."""
    with suppress(OSError, ValueError, AttributeError):  # not Linux, not glibc: musl's confstr knows no such name
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        known = name == "glibc" and tuple(map(int, version.split("."))) >= _FIRST_GLIBC
        return known and "[madvise]" in _POLICY.read_text()
    return False

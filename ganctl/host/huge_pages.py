"""Huge pages for tensors: fewer, larger entries in the processor's table of addresses.

Where Linux gives them only to programs that ask (the policy `madvise`; kernel documentation, admin-guide/mm/transhuge),
the C library's allocator asks if its environment said so when the process began (glibc's manual, "Memory Allocation
Tunables"). No call changes that later.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

TUNABLE = "glibc.malloc.hugetlb"
POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_FIRST_GLIBC = (2, 35)

# The number of the process that began again. GLIBC_TUNABLES is no proof of it: programs with capabilities never see it.
RESTARTED = "GANCTL_RESTARTED"


def restart_with_huge_pages() -> None:
    """Replace this process by itself with an allocator that asks for huge pages, if that helps and nobody has decided.

    To be called before anything else, which would be done twice. `GLIBC_TUNABLES=glibc.malloc.hugetlb=0` is a decision.
    """
    tunables, number = os.environ.get("GLIBC_TUNABLES", ""), str(os.getpid())
    decided = TUNABLE in tunables or os.environ.get(RESTARTED) == number
    if decided or not sys.executable or not given_on_request():
        return
    asking = {"GLIBC_TUNABLES": ":".join(filter(None, [tunables, f"{TUNABLE}=1"])), RESTARTED: number}
    with suppress(OSError):  # a program without huge pages is a slower one, and no worse
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | asking)


def given_on_request() -> bool:
    """Whether Linux waits to be asked for huge pages, and the C library can ask."""
    with suppress(OSError, ValueError, AttributeError):  # not Linux, or not glibc
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        known = name == "glibc" and tuple(map(int, version.split("."))) >= _FIRST_GLIBC
        return known and "[madvise]" in POLICY.read_text()
    return False

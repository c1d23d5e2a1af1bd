"""Huge pages for tensors: fewer, larger entries in the processor's table of addresses.

Where Linux gives them only to programs that ask (the policy `madvise`; kernel documentation, admin-guide/mm/transhuge),
the C library's allocator asks if its environment said so when the process began (glibc's manual, "Memory Allocation
Tunables"). No call changes that later, so it is the user's to say.
"""

import os
import shlex
from contextlib import suppress
from pathlib import Path

POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")
TUNABLE = "glibc.malloc.hugetlb"
_FIRST_GLIBC = (2, 35)


def command_for_huge_pages() -> str | None:
    """Return the shell command after which programs get huge pages; None where they do already, or cannot.

    Also None where `GLIBC_TUNABLES` names the tunable: somebody has decided.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if TUNABLE in tunables or not _given_on_request():
        return None
    return f"export GLIBC_TUNABLES={shlex.quote(':'.join(filter(None, [tunables, f'{TUNABLE}=1'])))}"


def _given_on_request() -> bool:
    """Whether Linux waits to be asked for huge pages, and the C library can ask."""
    with suppress(OSError, ValueError, AttributeError):  # not Linux, or not glibc
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        known = name == "glibc" and tuple(map(int, version.split("."))) >= _FIRST_GLIBC
        return known and "[madvise]" in POLICY.read_text()
    return False

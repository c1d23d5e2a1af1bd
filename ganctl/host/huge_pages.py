"""Huge pages for tensors: fewer, larger entries in the processor's table of addresses.

If Linux gives them only to programs that request them (the policy `madvise`; kernel documentation,
admin-guide/mm/transhuge), the C library's allocator does so if its environment says so when the process starts (glibc's
manual, "Memory Allocation Tunables"). It cannot be changed later, so the user has to set it.
"""

import os
import shlex
from contextlib import suppress
from pathlib import Path

POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")
TUNABLE = "glibc.malloc.hugetlb"
_FIRST_GLIBC = (2, 35)


def command_for_huge_pages() -> str | None:
    """Return the shell command that gives later programs huge pages; None if they have them already, or cannot.

    Also None if `GLIBC_TUNABLES` names the tunable, because the user has decided.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if TUNABLE in tunables or not _given_on_request():
        return None
    return f"export GLIBC_TUNABLES={shlex.quote(':'.join(filter(None, [tunables, f'{TUNABLE}=1'])))}"


def _given_on_request() -> bool:
    """Whether Linux gives huge pages only on request, and the C library can request them."""
    with suppress(OSError, ValueError, AttributeError):  # not Linux, or not glibc
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        known = name == "glibc" and tuple(map(int, version.split("."))) >= _FIRST_GLIBC
        return known and "[madvise]" in POLICY.read_text()
    return False

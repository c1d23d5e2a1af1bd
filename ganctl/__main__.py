"""The program `ganctl`, also as `python -m ganctl`.

Floor 9. May import: cli, host.
"""

import signal

from ganctl.host.huge_pages import restart_with_huge_pages


def program() -> None:
    """Run the command that the arguments name, and exit. Only for a process of its own, which may begin again."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Before and after a command, which says itself what Ctrl-C means, a traceback would help nobody.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    restart_with_huge_pages()

    from ganctl.cli import main

    main()


if __name__ == "__main__":
    program()

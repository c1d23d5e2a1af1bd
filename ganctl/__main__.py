"""The program `ganctl`, also as `python -m ganctl`.

Floor 9. May import: cli.
"""

import signal


def program() -> None:
    """Run the command that the arguments name, and exit. Only for a process of its own."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Before and after a command, which says itself what Ctrl-C means, a traceback would help nobody.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from ganctl.cli import main

    main()


if __name__ == "__main__":
    program()

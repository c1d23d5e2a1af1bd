"""The program `ganctl`, also as `python -m ganctl`.

Floor 9. May import: cli, lazy.
"""

import signal


def program() -> None:
    """Run the command named in the arguments, and exit. Only for a process of its own."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # A command handles Ctrl-C itself. Before and after it, a traceback would be of no use.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from ganctl.lazy import take_the_process

    take_the_process()
    from ganctl.cli import main

    main()


if __name__ == "__main__":
    program()

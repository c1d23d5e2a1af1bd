"""The program `ganctl`, also as `python -m ganctl`."""

import signal

from ganctl.huge_pages import restart_with_huge_pages


def program() -> None:
    """Run the command that the arguments name, and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command says what Ctrl-C means, it ends the program as the shell expects, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    restart_with_huge_pages()

    from ganctl.cli import main  # only now: what was imported before would be so twice

    main()


if __name__ == "__main__":
    program()

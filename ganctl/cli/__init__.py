"""The command line: one file per command; each parses, calls and prints.

A command's module is named after it and holds a click command called `command`; there is no list to edit. Modules
whose names begin with `_` hold what commands share.

Floor 8. May import: training, planning, generation, report, diagnosis, build, run_folder, images, experiment, plugins,
registry, host.
"""

import importlib
import os
import pkgutil
import sys
import traceback
from contextlib import suppress

import click

from ganctl.cli._options import plugin_options
from ganctl.cli._printing import escape_what_the_terminal_lacks, show
from ganctl.errors import GanctlError
from ganctl.host.interruption import Terminated, terminable
from ganctl.version import __version__


class _Commands(click.Group):
    """Finds commands among the modules of this package, and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = [module.name for module in pkgutil.iter_modules(__path__)]
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        command.name = cmd_name
        if not any(option.name == "plugins" for option in command.params):
            command.params += plugin_options()
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ganctl")
def commands() -> None:
    """Train Generative Adversarial Networks from YAML files.

    \b
    ganctl train quickstart              train the packaged example
    ganctl train my.yaml                 train your own experiment
    ganctl sample --checkpoint outputs/quickstart
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit.

    The exit code is 0 done, 1 failed, 2 bad usage or configuration, 3 bad data, 4 diverged, 5 the doctor objects, 130
    Ctrl-C, 143 SIGTERM, 129 a lost terminal.
    """
    escape_what_the_terminal_lacks()
    try:
        with terminable():
            commands.main(arguments, prog_name="ganctl", standalone_mode=False)
            if sys.stdout is not None:  # None if the process was started without it
                sys.stdout.flush()
        sys.exit(0)
    except click.ClickException as error:
        error.show(sys.stderr)
        sys.exit(error.exit_code)
    except GanctlError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("Interrupted.", 130)
    except Terminated as error:
        _fail("Terminated.", error.exit_code)
    except BrokenPipeError:
        # Whatever read our output has closed it (`| head`); Python must not complain about that at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'Input or output'}: {error.strerror or error}.", 1)
    except Exception as error:
        from ganctl.plugins import blame

        _fail(blame(error) or _unexpected(error), 1)


def _fail(message: str, exit_code: int) -> None:
    if os.environ.get("GANCTL_DEBUG"):
        traceback.print_exc()
    with suppress(OSError):  # the terminal is gone
        show(f"Error: {message}", err=True)
    sys.exit(exit_code)


def _unexpected(error: Exception) -> str:
    if type(error).__name__ == "ResourceExhaustedError" or isinstance(error, MemoryError):
        return "Out of memory. Try half the batch size (--set training.batch_size=N), or a smaller dataset.image_size."
    from ganctl.plugins import in_one_line

    told = f"{type(error).__name__}: {in_one_line(error)}"
    return f"{told}\nThis should not happen. Set GANCTL_DEBUG=1 to see where it did, and please report it."


def command_line() -> list[str]:
    """Return the command line as it was typed."""
    return ["ganctl", *sys.argv[1:]]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `filterd`: names its commands and turns failures into one line and an exit status."""

from __future__ import annotations

import importlib
import logging
import os
import sys

import click

from filterd import __version__
from filterd.lists.model import ListError

# Exit status: 0 done, 1 the answer is no or a problem was found, 2 wrong usage, 3 not allowed.
DONE, PROBLEM, USAGE, NOT_ALLOWED = 0, 1, 2, 3

_COMMANDS = {
    "run": "Run the filter in the foreground: DNS, proxy, control.",
    "check": "Say what is decided about hosts or URLs, and why.",
    "classify": "Say what pages or texts are about, and why.",
    "categories": "List the categories, or show one.",
    "lists": "Subscribe to lists of names, update them, see their state.",
    "compile": "Build the category database from categories and lists.",
    "status": "Show the state of the running filter.",
    "on": "Turn protection on.",
    "off": "Turn protection off.",
    "pause": "Pause protection for some minutes.",
    "resume": "End a pause.",
    "allow": "Put domains on the white list, or open them for a while.",
    "deny": "Put domains on the black list.",
    "export": "Write all settings to a file.",
    "restore": "Take over settings from a file.",
    "doctor": "Find what is wrong, and what to do.",
    "password": "Set, change or recover the adult's password.",
    "role": "",
}


# Commands that share a module, each by its own name there; the others are `command` of a module of their name.
_PLACES = {
    **dict.fromkeys(("on", "off", "pause", "resume"), "protection"),
    **dict.fromkeys(("allow", "deny"), "exceptions"),
    **dict.fromkeys(("export", "restore"), "transfer"),
}


class _Lazy(click.Group):
    """Imports a command's module when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return [name for name, text in _COMMANDS.items() if text]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's)
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"filterd.commands.{_PLACES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name if cmd_name in _PLACES else "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="filterd")
def filterd() -> None:
    """Filtro de contenidos libre y local. A free, local content filter (Ley 5653/2016)."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line *arguments* (the process's own by default) and exit with its status."""
    try:
        status = filterd.main(arguments, prog_name="filterd", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.ctx.get_help(), err=True)
        status = USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "filterd"
        click.echo(f"{where}: {' '.join(error.format_message().split())} (see {where} --help)", err=True)
        status = USAGE
    except click.ClickException as error:
        click.echo(f"filterd: {error.format_message()}", err=True)
        status = error.exit_code
    except click.exceptions.Abort:
        status = 130
    except BrokenPipeError:  # `filterd check … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = DONE
    except (ValueError, OSError, ListError) as error:  # what the modules raise for people
        click.echo(f"filterd: {_one_line(error)}", err=True)
        status = PROBLEM
    except Exception as error:  # no traceback reaches a user; FILTERD_DEBUG shows it
        if os.environ.get("FILTERD_DEBUG"):
            logging.getLogger(__name__).exception("unexpected")
        click.echo(f"filterd: unexpected {type(error).__name__}: {_one_line(error)}; this is a bug: "
                   "run it again with FILTERD_DEBUG=1 and report what it prints", err=True)  # fmt: skip
        status = PROBLEM
    sys.exit(status if isinstance(status, int) else DONE)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(str(text).split())

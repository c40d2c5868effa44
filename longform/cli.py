"""The command `longform`: parse, check, call one function, print. Heavy modules load on use."""

import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from longform import __version__
from longform.cli_show import note
from longform.errors import UserError


class _Commands(TyperGroup):
    """Turns mistakes into one line and exit code 2, and an interrupt into exit code 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            note(f"error: {' '.join(str(error).split())}")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            note("interrupted; nothing unfinished was kept")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A prompt becomes a whole piece of music.",
)


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminate)
    app(prog_name="longform")


def _terminate(number: int, _: object) -> None:
    """Leave as after an error, so that half-written files are removed."""
    raise SystemExit(128 + number)


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process; its exit code."""
    try:
        app(args=list(arguments), prog_name="longform")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _version(asked: bool) -> None:
    if asked:
        print(f"longform {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


def _add_commands() -> None:
    from longform import (
        cli_accompany,
        cli_batch,
        cli_eval,
        cli_files,
        cli_generate,
        cli_jobs,
        cli_make,
        cli_models,
        cli_train,
    )

    app.command()(cli_generate.generate)
    cli_make.add_to(app)
    cli_jobs.add_to(app)
    cli_accompany.add_to(app)
    cli_batch.add_to(app)
    cli_files.add_to(app)
    cli_models.add_to(app)
    cli_train.add_to(app)
    cli_eval.add_to(app)


_add_commands()

if __name__ == "__main__":
    sys.exit(main())

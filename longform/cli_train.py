"""Commands that make data and models: corpus, train, bundle. They need longform[train]."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from longform.cli_options import ForceOption
from longform.cli_show import note, reporter
from longform.errors import UserError

corpus_app = typer.Typer(no_args_is_help=True, help="Compose, render and check training music.")
train_app = typer.Typer(no_args_is_help=True, help="Train a part of a model.")

ConfigArgument = Annotated[Path, typer.Argument(help="A YAML file such as those in configs/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="key=value over the file, such as run.steps=100.")
]
DataArgument = Annotated[Path, typer.Argument(help="A corpus folder.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same result.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(corpus_app, name="corpus")
    app.add_typer(train_app, name="train")
    app.command("bundle")(bundle)


@contextmanager
def training_extra() -> Iterator[None]:
    """A missing package of the extra becomes one line with the way out."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"longform", ""}:
            raise
        raise UserError(
            f'this command needs {package}; install it with: pip install "longform[train]"'
        ) from None


@corpus_app.command("build")
def corpus_build(
    out: Annotated[Path, typer.Argument(help="The folder to fill; an unfinished one goes on.")],
    hours: Annotated[float, typer.Option(help="How much music.")],
    seed: SeedOption = 0,
    stems: Annotated[bool, typer.Option(help="Keep each instrument family on its own.")] = True,
    jobs: Annotated[int | None, typer.Option(help="Processes. Default: one per core.")] = None,
    longest: Annotated[float, typer.Option(help="Seconds that no piece exceeds.")] = 285.0,
    samples: Annotated[
        Path | None,
        typer.Option(help="Folder of CC0 drum recordings: Debian's sonic-pi-samples."),
    ] = None,
) -> None:
    """Compose and render a corpus with everything known about each piece."""
    with training_extra():
        from longform.train.corpus import build

        with reporter() as on_progress:
            build(
                out, hours=hours, seed=seed, stems=stems, jobs=jobs, longest_seconds=longest,
                samples=samples, on_progress=on_progress,
            )  # fmt: skip
    print(out)


@corpus_app.command("check")
def corpus_check(
    data: DataArgument,
    plot: Annotated[
        Path | None, typer.Option(help="Draw what the data set covers into this picture.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """List what is wrong with a data set; exit code 1 if anything is."""
    with training_extra():
        from longform.train.corpus_check import check

        if plot is not None:
            from longform.train.corpus_plot import draw

            draw(data, plot, overwrite=force)
        problems = check(data)
    for problem in problems:
        print(problem)
    note(f"{len(problems)} problems")
    if problems:
        raise typer.Exit(1)


@train_app.command("autoencoder")
def train_autoencoder(config: ConfigArgument, settings: SetOption = None) -> None:
    """Train the autoencoder; a run folder that exists goes on where it stopped."""
    with training_extra():
        from longform.train.autoencoder import train

        train(config, settings or [])


@train_app.command("clap")
def train_clap(config: ConfigArgument, settings: SetOption = None) -> None:
    """Train the text and audio towers; a run folder that exists goes on where it stopped."""
    with training_extra():
        from longform.train.clap import train

        train(config, settings or [])


@train_app.command("planner")
def train_planner(config: ConfigArgument, settings: SetOption = None) -> None:
    """Train the planner on composed plans; a run folder that exists goes on where it stopped."""
    with training_extra():
        from longform.train.planner import train

        train(config, settings or [])


@train_app.command("dit")
def train_dit(
    config: ConfigArgument,
    settings: SetOption = None,
    stop_when: Annotated[
        str | None,
        typer.Option(help='"METRIC over N": stop when N evaluations did not improve it.'),
    ] = None,
) -> None:
    """Train the denoiser on latents; a run folder that exists goes on where it stopped."""
    rule = [] if stop_when is None else [f"run.evaluate.stop_when={stop_when}"]
    with training_extra():
        from longform.train.dit import train

        train(config, [*(settings or []), *rule])


@train_app.command("student")
def train_student(config: ConfigArgument, settings: SetOption = None) -> None:
    """Distil a denoiser that needs few steps and no guidance; a run folder that exists goes on."""
    with training_extra():
        from longform.train.student import train

        train(config, settings or [])


@train_app.command("plot")
def train_plot(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders; one that another started from comes first.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture: .png, .svg or .pdf.")],
    loss: Annotated[
        str | None,
        typer.Option(help="Its name in log.jsonl. Default: that of held-out items."),
    ] = None,
    hours: Annotated[
        list[float] | None,
        typer.Option(help="What so many more hours would buy; may be repeated. Default: 1, 4, 16."),
    ] = None,
    from_step: Annotated[
        int | None, typer.Option(help="Fit from this step on. Default: after the ramp.")
    ] = None,
    no_fit: Annotated[bool, typer.Option("--no-fit", help="Draw, and promise nothing.")] = False,
    force: ForceOption = False,
) -> None:
    """Draw losses and evaluations against steps, compute and hours, and extrapolate the loss.

    The extrapolation is a power law above a floor, of the last run and those that it went on from.
    """
    with training_extra():
        from longform.train.curve_report import HOURS, plot_command

        plot_command(
            runs,
            out,
            loss=loss,
            hours=hours or HOURS,
            from_step=from_step,
            fit=not no_fit,
            overwrite=force,
        )


@train_app.command("encode")
def train_encode(
    model: Annotated[str, typer.Argument(help="An autoencoder's run folder, or a bundle.")],
    data: DataArgument,
    out: Annotated[Path, typer.Argument(help="The folder for the latents.")],
    pairs: Annotated[
        int, typer.Option(help="In place of the pieces, pairs of a mix and a stem: so many each.")
    ] = 0,
    seed: SeedOption = 0,
) -> None:
    """Turn a corpus into latents once, for training the denoiser."""
    with training_extra():
        from longform.train.encode import main

        with reporter() as on_progress:
            main(model, data, out, pairs=pairs, seed=seed, on_progress=on_progress)
    print(out)


def bundle(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    autoencoder: Annotated[str, typer.Option(help="Run folder, checkpoint or bundle.")],
    clap: Annotated[str, typer.Option(help="Run folder, checkpoint or bundle.")],
    dit: Annotated[str, typer.Option(help="Run folder, checkpoint or bundle.")],
    name: Annotated[str, typer.Option(help="What the model is called.")],
    planner: Annotated[
        str | None,
        typer.Option(help="Run folder, checkpoint or bundle; a model can do without."),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(help="Run folder, checkpoint or bundle; a model can do without."),
    ] = None,
    about: Annotated[
        Path | None, typer.Option(help="YAML: description, licence, defaults, card.")
    ] = None,
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Matrices in 8 bits, half the size.")
    ] = False,
    force: ForceOption = False,
) -> None:
    """Pack trained parts into one model folder, weights in 16 bits or 8."""
    with training_extra():
        from longform.train.pack import pack

        pack(
            out,
            name=name,
            autoencoder=autoencoder,
            clap=clap,
            dit=dit,
            planner=planner,
            student=student,
            about=about,
            eight_bit=eight_bit,
            overwrite=force,
            say=note,
        )
    print(out)

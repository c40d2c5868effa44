"""Commands that measure models and clips. They need longform[train]."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from longform.cli_options import (
    ForceOption,
    GuidanceOption,
    ModelOption,
    NoPlannerOption,
    StepsOption,
    TeacherOption,
)
from longform.cli_show import reporter
from longform.cli_train import DataArgument, SeedOption, training_extra

SplitOption = Annotated[
    str, typer.Option(help="train, validation, test, or all: of a corpus never trained on.")
]
ReportOption = Annotated[Path | None, typer.Option("-o", "--out", help="Where the report goes.")]
PromptsOption = Annotated[
    Path | None,
    typer.Option(help="A file of prompts, or a corpus: its test captions. Default: ours."),
]
WHOLE = "report"


class _Whole(TyperGroup):
    """`longform eval CLIPS` and `longform eval --model M` mean `longform eval report ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = [WHOLE, *args]
        return super().parse_args(ctx, args)


eval_app = typer.Typer(
    cls=_Whole,
    no_args_is_help=True,
    help="Measure a model or a folder of clips: longform eval CLIPS, longform eval --model mini. "
    "The other commands are parts of that.",
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(eval_app, name="eval")


@eval_app.command(WHOLE)
def eval_report(
    clips: Annotated[
        Path | None, typer.Argument(help="A folder of clips. Without it --model makes some.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The bundle that makes clips and whose parts are measured.")
    ] = None,
    prompts: PromptsOption = None,
    count: Annotated[int, typer.Option(help="How many prompts.", min=1)] = 32,
    takes: Annotated[int, typer.Option(help="Clips per prompt, each its seed.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each clip.")] = 47.0,
    long: Annotated[
        int, typer.Option(help="Also make this many clips of 285 s, reported apart.", min=0)
    ] = 0,
    reference: Annotated[
        Path | None, typer.Option(help="Corpus of real pieces that nothing was trained on.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Corpus that the model was trained on: memorisation.")
    ] = None,
    latents: Annotated[
        Path | None, typer.Option(help="That corpus as latents: memorisation, aligned.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Pieces of --reference that nothing was trained on: test or all. Default: test "
            "where it is the --training corpus, else all."
        ),
    ] = None,
    no_planner: NoPlannerOption = False,
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    teacher: TeacherOption = False,
    full: Annotated[
        Path | None,
        typer.Option(
            help="Folder with weights of yours, any of laion_clap/, openl3/ and passt/: LAION-CLAP "
            "score, FD_openl3 and KL_passt too."
        ),
    ] = None,
    scorer: Annotated[str, typer.Option(help="Bundle whose CLAP listens; keep it fixed.")] = "mini",
    seed: SeedOption = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for report.json and report.html.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes. Default: one per core.")] = None,
    force: ForceOption = False,
) -> None:
    """Everything that can be measured offline, as report.json and one HTML page."""
    settings: dict[str, Any] = {"no_planner": True} if no_planner else {}
    settings |= {} if steps is None else {"steps": steps}
    settings |= {} if guidance is None else {"guidance": guidance}
    settings |= {"teacher": True} if teacher else {}
    with training_extra():
        from longform.train.evaluate.whole import evaluation_command

        with reporter() as on_progress:
            evaluation_command(
                clips,
                model=model,
                prompts=prompts,
                count=count,
                takes=takes,
                seconds=seconds,
                long=long,
                reference=reference,
                training=training,
                latents=latents,
                full=full,
                split=split,
                settings=settings,
                scorer=scorer,
                seed=seed,
                out=out,
                jobs=jobs,
                overwrite=force,
                on_progress=on_progress,
            )


@eval_app.command("autoencoder")
def eval_autoencoder(
    data: DataArgument,
    model: ModelOption = "mini",
    count: Annotated[int, typer.Option(help="How many test pieces.")] = 40,
    out: ReportOption = None,
    seed: SeedOption = 0,
    split: SplitOption = "test",
) -> None:
    """Send test pieces through: STFT, MEL, SI-SDR, the key before and after, ringing and buzzing.

    The model may also be a training run.
    """
    with training_extra():
        from longform.train.evaluate.command import autoencoder_command

        autoencoder_command(model, data, count, out, seed, split)


@eval_app.command("compare")
def eval_compare(
    first: Annotated[Path, typer.Argument(help="report.json of longform eval, or its folder.")],
    second: Annotated[Path, typer.Argument(help="Another, of the same prompts and seeds.")],
    within: Annotated[
        float, typer.Option(help="Per cent that the second may be worse by.", min=0)
    ] = 5.0,
    out: ReportOption = None,
    force: ForceOption = False,
) -> None:
    """Hold one report against another, in per cent: two models, or two settings of one."""
    with training_extra():
        from longform.train.evaluate.versus import compare_command

        compare_command(first, second, within_percent=within, out=out, overwrite=force)


@eval_app.command("calibrate")
def eval_calibrate(
    data: DataArgument,
    count: Annotated[int, typer.Option(help="How many pieces.")] = 60,
    seconds: Annotated[float, typer.Option(help="Length of each excerpt, the last of it.")] = 47.0,
    out: ReportOption = None,
    seed: SeedOption = 0,
    split: SplitOption = "test",
) -> None:
    """Measure the estimators themselves: tempo and key of real pieces against the truth."""
    with training_extra():
        from longform.train.evaluate.command import calibrate_command

        calibrate_command(data, count, seconds, out, seed, split)


@eval_app.command("generation")
def eval_generation(
    model: ModelOption = "mini",
    prompts: PromptsOption = None,
    count: Annotated[int, typer.Option(help="How many prompts.")] = 64,
    seconds: Annotated[float, typer.Option(help="Length of each clip.")] = 47.0,
    seed: SeedOption = 0,
    out: ReportOption = None,
) -> None:
    """Generate from test prompts and measure whether tempo, key and words were obeyed."""
    with training_extra():
        from longform.train.evaluate.command import generation_command

        generation_command(model, prompts, count, seconds, seed, out)


@eval_app.command("retrieval")
def eval_retrieval(
    data: DataArgument, model: ModelOption = "mini", out: ReportOption = None, seed: SeedOption = 0
) -> None:
    """Let captions and test pieces find each other: recall at 1 and 10, both ways, with chance."""
    with training_extra():
        from longform.train.evaluate.command import retrieval_command

        retrieval_command(model, data, out, seed)


@eval_app.command("structure")
def eval_structure(
    files: Annotated[list[Path], typer.Argument(help="Audio files.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for pictures and the report.")],
) -> None:
    """Draw the form of finished tracks, and look for seams and for the silence at the end."""
    with training_extra():
        from longform.train.evaluate.command import structure_command

        structure_command(files, out)

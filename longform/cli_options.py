"""Options that several commands share."""

from typing import Annotated

import typer

ModelOption = Annotated[str, typer.Option("--model", help="An installed model or a bundle folder.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

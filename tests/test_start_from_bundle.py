"""A bundle as a starting point: a run begins with its weights, and it can be packed again."""

from pathlib import Path

import pytest
import torch

from longform.bundle import Bundle
from longform.errors import UserError
from longform.train import checkpoints
from longform.train.autoencoder import train as train_autoencoder
from longform.train.config import OptimConfig, RunConfig
from longform.train.dit import DiTTrainee
from longform.train.dit_config import DiTTraining, Window
from longform.train.loop import fit
from longform.train.pack import pack, read_part
from tests.latents_folder import piece_facts, write_latents
from tests.test_autoencoder_train import corpus  # noqa: F401
from tests.tiny import AUTOENCODER, CONDITIONER, DIT, tiny_bundle

STILL = OptimConfig(lr=1e-30, schedule="constant")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


def _denoiser_run(bundle: Bundle, folder: Path) -> DiTTraining:
    (folder / "latents").mkdir()
    pieces = {"a": (80, "train", piece_facts("a", 80))}
    run = RunConfig(
        out=str(folder / "run"),
        steps=1,
        batch=1,
        start_from=str(bundle.folder),
        optimisers={"dit": STILL},
    )
    return DiTTraining(
        run=run,
        latents=str(write_latents(folder / "latents", pieces)),
        clap=str(bundle.folder),
        dit=DIT,
        conditioner=CONDITIONER,
        windows=(Window(frames=64),),
    )


def test_a_denoiser_goes_on_from_a_bundle_and_is_packed_with_its_other_parts(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = _denoiser_run(bundle, tmp_path)
    fit(DiTTrainee(config), config.run)
    assert f"weights from {bundle.folder}\n" in capsys.readouterr().err
    parts = {"autoencoder": bundle.folder, "clap": bundle.folder, "dit": config.run.out}
    again = pack(tmp_path / "again", name="again", **parts)
    assert again.manifest.card["checkpoints"] == {
        "autoencoder": "model 'tiny'",
        "clap": "model 'tiny'",
        "dit": "run, step 1",
    }
    for load in ("autoencoder", "clap", "dit", "conditioner"):
        before = getattr(bundle, load)().state_dict()
        for name, tensor in getattr(again, load)().state_dict().items():
            torch.testing.assert_close(tensor, before[name], atol=1e-6, rtol=1e-6)


def test_an_autoencoder_from_a_bundle_gets_a_new_discriminator(
    bundle: Bundle,
    corpus: Path,  # noqa: F811
    capsys: pytest.CaptureFixture,
) -> None:
    settings = {"lr": "1e-30", "schedule": "constant"}
    wanted = read_part(bundle.folder, "autoencoder")
    assert (wanted.kind, wanted.config) == ("spectral", AUTOENCODER)
    path = corpus.parent / "config.yaml"
    path.write_text(
        f"""
run:
  {{out: {corpus.parent / "run"}, steps: 1, batch: 1, start_from: {bundle.folder},
    optimisers: {{generator: {settings}, discriminator: {settings}}}}}
data: {{folder: {corpus}, crop_samples: 32768, validation_samples: 32768}}
spectral: {AUTOENCODER}
loss: {{spectral: sampled, fft_sizes: [64, 32], resolutions_per_step: 1}}
discriminator: {{fft_sizes: [64, 32], filters: 4}}
"""
    )
    train_autoencoder(path)
    assert "new: network 'discriminator'" in capsys.readouterr().err
    found = read_part(corpus.parent / "run", "autoencoder")
    for name, tensor in found.tensors.items():
        torch.testing.assert_close(tensor, wanted.tensors[name].float(), atol=1e-6, rtol=1e-6)


def test_a_part_that_a_bundle_has_not_is_named(bundle: Bundle, tmp_path: Path) -> None:
    assert not checkpoints.is_run(bundle.folder)
    with pytest.raises(UserError, match="model 'tiny' has no planner"):
        read_part(bundle.folder, "planner")
    with pytest.raises(UserError, match="neither installed nor a folder"):
        read_part(tmp_path / "nowhere", "dit")

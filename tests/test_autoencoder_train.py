"""The trainee of the autoencoders, its discriminators and its decoded corpus."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import auraloss.freq
import numpy as np
import pytest
import soundfile
import torch
import yaml

from longform.autoencoder.build import build
from longform.autoencoder.spectral import Spectral
from longform.config import from_mapping, load_yaml, to_mapping
from longform.errors import UserError
from longform.train import checkpoints
from longform.train.audio_cache import AudioCache, CachedItem, cache_audio
from longform.train.autoencoder import AutoencoderTrainee, split_items, train
from longform.train.autoencoder_config import AutoencoderTrainConfig
from longform.train.trainee import Draw

CONFIGS = Path(__file__).parent.parent / "configs"
RATE = 8_000
OPTIMISER = {"lr": 1e-3, "schedule": "constant"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Five short noises; the last one is for validation, a stem is to be left out."""
    folder = tmp_path / "corpus"
    (folder / "stems").mkdir(parents=True)
    (folder / "corpus.json").write_text("{}")
    rng = np.random.default_rng(0)
    for number in range(5):
        noise = rng.uniform(-0.5, 0.5, (4000 + 500 * number, 2))
        soundfile.write(folder / f"n{number}.flac", noise, RATE)
        split = {"split": "validation" if number == 4 else "train"}
        (folder / f"n{number}.json").write_text(json.dumps(split))
    soundfile.write(folder / "stems" / "n0.drums.flac", np.zeros((100, 2)), RATE)
    return folder


def _config(corpus: Path, **changes: object) -> AutoencoderTrainConfig:
    data = {
        "run": {
            "out": str(corpus.parent / "run"),
            "steps": 4,
            "batch": 2,
            "log_every": 1,
            "optimisers": {"generator": OPTIMISER, "discriminator": OPTIMISER},
        },
        "data": {"folder": str(corpus), "crop_samples": 512, "validation_samples": 2048},
        "oobleck": {
            "sample_rate": RATE,
            "channels": 2,
            "multipliers": [1, 2],
            "strides": [2, 4],
            "latent_channels": 2,
        },
        "loss": {"spectral": "sampled", "fft_sizes": [64, 32], "resolutions_per_step": 1},
        "discriminator": {"fft_sizes": [64, 32], "filters": 4},
    }
    return replace(from_mapping(AutoencoderTrainConfig, data), **changes)


def _losses(
    trainee: AutoencoderTrainee, phase: str, seed: int = 0, step: int = 0
) -> dict[str, torch.Tensor]:
    batch = trainee.draw(Draw(0, step))
    return trainee.losses(phase, trainee.networks, batch, torch.Generator().manual_seed(seed))


def test_the_cache_holds_every_sample(corpus: Path) -> None:
    cache = cache_audio(corpus, corpus.parent / "cache", sample_rate=RATE)
    assert [(item.id, item.split) for item in cache.items] == [
        *((f"n{number}", "train") for number in range(4)),
        ("n4", "validation"),
    ]
    for item in cache.items:
        wanted, _ = soundfile.read(corpus / f"{item.id}.flac", dtype="float32")
        whole = cache.crop(item, 0, item.samples)
        np.testing.assert_allclose(whole, wanted.T, atol=1.1 / 32767)
        tail = cache.crop(item, item.samples - 10, 30)
        np.testing.assert_array_equal(tail[:, :10], whole[:, -10:])
        np.testing.assert_array_equal(tail[:, 10:], 0)


def test_the_cache_is_built_once_and_again_when_the_folder_changes(corpus: Path) -> None:
    out, told = corpus.parent / "cache", []
    cache_audio(corpus, out, sample_rate=RATE, on_progress=told.append)
    assert len(told) == 5
    cache_audio(corpus, out, sample_rate=RATE, on_progress=told.append)
    assert len(told) == 5
    soundfile.write(corpus / "n5.wav", np.full((100, 1), 0.25), RATE // 2)
    cache = cache_audio(corpus, out, sample_rate=RATE, on_progress=told.append)
    assert len(told) == 11
    assert (cache.items[5].id, cache.items[5].samples) == ("n5", 200)
    (out / "audio.i16").write_bytes(b"cut short")
    cache_audio(corpus, out, sample_rate=RATE, on_progress=told.append)
    assert len(told) == 17


def test_a_folder_without_audio_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no usable audio"):
        cache_audio(tmp_path, tmp_path / "cache")
    with pytest.raises(UserError, match="does not exist"):
        cache_audio(tmp_path / "absent", tmp_path / "cache")


def test_without_a_validation_split_a_share_is_held_out() -> None:
    items = tuple(CachedItem(str(i), "train", 0, 10) for i in range(40))
    cache = AudioCache(np.zeros((10, 2), dtype=np.int16), RATE, items)
    training, held_out = split_items(cache)
    assert (len(training), len(held_out)) == (38, 2)
    assert {i.id for i in training} | {i.id for i in held_out} == {i.id for i in items}
    single = split_items(replace(cache, items=items[:1]))
    assert single == ([items[0]], [items[0]])
    with pytest.raises(UserError, match="train split"):
        split_items(replace(cache, items=(replace(items[0], split="test"),)))


def test_a_draw_is_a_pure_function_of_seed_step_and_rank(corpus: Path) -> None:
    data = replace(_config(corpus).data, gain_db=(-6.0, -6.0))
    trainee = AutoencoderTrainee(_config(corpus, data=data))
    draws = [Draw(1, 0), Draw(1, 0), Draw(2, 0), Draw(1, 1), Draw(1, 0, rank=1, world=2)]
    audios = [trainee.draw(draw)["audio"] for draw in draws]
    assert audios[0].shape == (2, 2, 512) and audios[0].dtype == torch.float32
    assert torch.equal(audios[0], audios[1])
    assert not any(torch.equal(audios[0], audio) for audio in audios[2:])
    peak = max(float(audio.abs().max()) for audio in audios)
    assert peak == pytest.approx(0.5 * 10 ** (-6 / 20), rel=0.01)


def test_silent_crops_are_rare(corpus: Path) -> None:
    sound = np.zeros((80_000, 2))
    sound[:20_000] = 0.5
    for number in range(5):
        soundfile.write(corpus / f"n{number}.flac", sound, RATE)
    trainee = AutoencoderTrainee(_config(corpus))
    audio = torch.cat([trainee.draw(Draw(0, step))["audio"] for step in range(100)])
    silent = (audio.abs().amax(dim=(1, 2)) < 1e-3).float().mean()
    assert 0.1 < float(silent) < 0.4  # 0.75^5 of them; without redrawing 0.75


def test_phases_follow_the_config(corpus: Path) -> None:
    adversarial = _config(corpus).adversarial
    late = replace(adversarial, start_step=2)
    trainee = AutoencoderTrainee(_config(corpus, adversarial=late))
    both = ("discriminator",), ("generator",)
    assert tuple(map(trainee.phases, range(4))) == (("generator",), ("generator",), *both)
    together = replace(adversarial, alternate=False)
    trainee = AutoencoderTrainee(_config(corpus, adversarial=together))
    assert trainee.phases(0) == ("discriminator", "generator")


def test_the_generator_meets_the_discriminators_only_after_the_start(corpus: Path) -> None:
    adversarial = replace(_config(corpus).adversarial, start_step=5)
    trainee = AutoencoderTrainee(_config(corpus, adversarial=adversarial))
    before, after = (_losses(trainee, "generator", step=step) for step in (4, 5))
    assert before.keys() == {"loss", "stft", "kl"}
    assert after.keys() == {"loss", "stft", "kl", "adversarial", "feature_matching"}
    weights = trainee.config.loss
    wanted = sum(getattr(weights, name) * after[name] for name in after if name != "loss")
    torch.testing.assert_close(after["loss"], wanted)


def test_losses_are_a_pure_function_of_the_generator(corpus: Path) -> None:
    trainee = AutoencoderTrainee(_config(corpus))
    for phase in ("generator", "discriminator"):
        values = [_losses(trainee, phase, seed)["loss"].item() for seed in (1, 1, 2)]
        assert values[0] == values[1] != values[2]


def test_accumulated_generator_gradients_do_not_reach_the_discriminator(corpus: Path) -> None:
    trainee = AutoencoderTrainee(_config(corpus))
    judge = trainee.discriminator
    alone = _gradients(judge, lambda: _losses(trainee, "discriminator")["loss"].backward())

    def generator_then_discriminator() -> None:
        judge.requires_grad_(False)
        for seed in range(3):
            _losses(trainee, "generator", seed)["loss"].backward()
        judge.requires_grad_(True)
        _losses(trainee, "discriminator")["loss"].backward()

    mixed = _gradients(judge, generator_then_discriminator)
    assert alone.keys() == mixed.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(mixed[name], gradient)
    generator = trainee.networks["generator"]
    assert any(p.grad is not None for p in generator.parameters())
    generator.zero_grad()
    _losses(trainee, "discriminator")["loss"].backward()
    assert all(p.grad is None for p in generator.parameters())


def _gradients(network: torch.nn.Module, run: Callable[[], None]) -> dict[str, torch.Tensor]:
    network.zero_grad()
    run()
    return {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


def test_only_some_items_and_scales_are_judged(corpus: Path) -> None:
    config = _config(corpus)
    config = replace(
        config,
        adversarial=replace(config.adversarial, items=1),
        discriminator=replace(config.discriminator, scales_per_step=1),
    )
    trainee = AutoencoderTrainee(config)
    seen: list[torch.Size] = []
    for scale in trainee.discriminator.scales:
        scale.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    _losses(trainee, "discriminator")
    assert seen == [torch.Size((2, 2, 512))]  # one real and one fake, at one scale
    drawn = {
        tuple(config.discriminator.draw_scales(torch.Generator().manual_seed(s))) for s in range(20)
    }
    assert drawn == {(0,), (1,)}


def test_a_run_trains_validates_and_leaves_a_loadable_autoencoder(corpus: Path) -> None:
    config = _config(corpus)
    path = corpus.parent / "config.yaml"
    path.write_text(yaml.safe_dump(_plain(config)))
    train(path, ["run.steps=3", "run.accumulate=2", "run.validate_every=2"])
    out = Path(config.run.out)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    figures = {key for line in lines for key in line if key.startswith("validation/")}
    assert {"validation/stft", "validation/mel", "validation/si_sdr_db"} <= figures
    newest = checkpoints.newest(out / "checkpoints", print)
    assert newest is not None
    part = checkpoints.read_facts(newest)["parts"]["autoencoder"]
    averaged = checkpoints.read(newest, "ema")
    network = build(part["kind"], part["config"])
    network.load_state_dict(
        {
            key.removeprefix(part["prefix"]): tensor
            for key, tensor in averaged.items()
            if key.startswith(part["prefix"])
        }
    )
    assert not any(key.startswith("discriminator") for key in averaged)


def test_training_the_decoder_alone_leaves_the_latents_as_they_are(corpus: Path) -> None:
    config = _config(corpus)
    path = corpus.parent / "config.yaml"
    path.write_text(yaml.safe_dump(_plain(config)))
    train(path, ["run.steps=1"])
    out = corpus.parent / "second"
    train(path, [f"run.out={out}", f"run.start_from={config.run.out}", "decoder_only=true"])
    before, after = (
        checkpoints.read(checkpoints.newest(Path(folder) / "checkpoints", print), "networks")
        for folder in (config.run.out, out)
    )
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert not any(key.startswith("generator.encoder.") for key in moved)
    assert any(key.startswith("generator.decoder.") for key in moved)


def _plain(config: AutoencoderTrainConfig) -> dict:
    return {key: value for key, value in to_mapping(config).items() if value is not None}


def test_validation_uses_the_mean_and_held_out_items(corpus: Path) -> None:
    trainee = AutoencoderTrainee(_config(corpus))
    with torch.no_grad():
        first, second = (trainee.validate(trainee.networks, 0) for _ in range(2))
        crop = next(trainee._validation_crops())
        assert crop.shape == (1, 2, 2048)
        posterior = trainee.autoencoder.encode(crop)
        fake = trainee.autoencoder.decode(posterior.mean)
    assert first == second
    wanted = auraloss.freq.MultiResolutionSTFTLoss()(fake, crop)
    assert first["stft"] == pytest.approx(float(wanted), rel=1e-4)


def test_principal_components_start_the_spectral_autoencoder(corpus: Path) -> None:
    config = _config(corpus)
    spectral = {
        "channels": 1,
        "latent_channels": 4,
        "encoder_width": 8,
        "encoder_depth": 1,
        "decoder_widths": [8, 8, 8],
        "decoder_depths": [1, 1, 1],
    }
    changes = {"spectral": spectral, "oobleck": None, "init": "pca", "init_seconds": 2.0}
    mapping = _plain(config) | changes
    mapping["data"] |= {"crop_samples": 8192}
    trainee = AutoencoderTrainee(from_mapping(AutoencoderTrainConfig, mapping))
    before, after, again = (_linear_path(trainee, prepared) for prepared in (False, True, True))
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, again)


def _linear_path(trainee: AutoencoderTrainee, prepared: bool) -> torch.Tensor:
    """The encoder's linear weight of a fresh trainee with the same config."""
    fresh = AutoencoderTrainee(trainee.config)
    if prepared:
        fresh.prepare(torch.device("cpu"))
    network = fresh.networks["generator"]
    assert isinstance(network, Spectral)
    return network.encoder.linear.weight.detach()


@pytest.mark.parametrize(
    "name",
    [
        "autoencoder_mini",
        "autoencoder_mini_decoder",
        "autoencoder_mini_adversarial",
        "autoencoder_oobleck",
    ],
)
def test_shipped_configs_build_and_step_at_toy_width(name: str, corpus: Path) -> None:
    toy = ["oobleck.channels=1"] if name.endswith("oobleck") else ["spectral.encoder_width=8"]
    overrides = [
        f"data.folder={corpus}",
        f"run.out={corpus.parent / 'run'}",
        "run.batch=1",
        "data.crop_samples=16384",
        "adversarial.start_step=0",
        "adversarial.items=1",
        "discriminator.filters=2",
        "init_seconds=1",
        *toy,
    ]
    if "mini" in name:
        overrides += ["spectral.decoder_widths=[8,8,8]", "spectral.decoder_depths=[1,1,1]"]
    trainee = AutoencoderTrainee(
        load_yaml(AutoencoderTrainConfig, CONFIGS / f"{name}.yaml", overrides)
    )
    assert trainee.config.run.optimisers.keys() == trainee.networks.keys()
    for phase in ("discriminator", "generator"):
        assert torch.isfinite(_losses(trainee, phase)["loss"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_samples": 500}, "not a multiple of the 8 samples of a latent frame; 496 would do"),
        ({"crop_samples": 16}, "too short for an FFT of 64"),
    ],
)
def test_crops_that_do_not_fit_are_errors(corpus: Path, change: dict, message: str) -> None:
    config = _config(corpus)
    with pytest.raises(UserError, match=re.escape(message)):
        AutoencoderTrainee(replace(config, data=replace(config.data, **change)))


def test_mistakes_in_a_run_config_are_named(corpus: Path) -> None:
    config = _config(corpus)
    with pytest.raises(UserError, match="exactly one of the sections spectral and oobleck"):
        replace(config, oobleck=None)
    with pytest.raises(UserError, match="init: pca is for the spectral autoencoder"):
        replace(config, init="pca")
    with pytest.raises(UserError, match=re.escape("decoder_only: true needs run.start_from")):
        replace(config, decoder_only=True)
    with pytest.raises(UserError, match=re.escape("loss.mel needs loss.spectral")):
        replace(config.loss, spectral="paper", mel=0.1)
    with pytest.raises(UserError, match="scales_per_step is 3, but there are 2"):
        replace(config.discriminator, scales_per_step=3)


def test_a_run_learns_not_to_beat_if_asked(corpus: Path) -> None:
    config = _config(corpus)
    assert config.oobleck is not None
    config = replace(config, oobleck=replace(config.oobleck, strides=(32, 64)))
    longer = replace(config.data, crop_samples=8 * 2048)
    deaf, hearing = (
        AutoencoderTrainee(replace(config, data=longer, loss=replace(config.loss, pulse=weight)))
        for weight in (0.0, 2.0)
    )
    before, after = (_losses(one, "generator", step=0) for one in (deaf, hearing))
    assert "pulse" not in before and after["pulse"] > 0
    torch.testing.assert_close(after["loss"], before["loss"] + 2 * after["pulse"])
    short = replace(config.data, crop_samples=2 * 2048)
    with pytest.raises(UserError, match="needs crops of 4 latents, 8192 samples"):
        AutoencoderTrainee(replace(config, data=short, loss=replace(config.loss, pulse=2.0)))

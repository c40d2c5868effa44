"""Every layout holds the same tensors, bit by bit, and is recognised without being named."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_models import FAMILIES, assert_same, toolkit_config, toolkit_tensors, write_toolkit

from longform.checkpoint import load_tensors, save_tensors
from longform.dit.condition import Condition
from longform.errors import UserError
from longform.hub import open_model
from longform.hub.convert import convert
from longform.hub.model import Model


def states(model: Model) -> dict[str, dict[str, torch.Tensor]]:
    """All parts of a model as it loads them."""
    return {part: getattr(model, part)().state_dict() for part in model.parts}


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("open", torch.float32),
        ("open", torch.bfloat16),
        ("small", torch.float16),
        ("two", torch.float32),
        ("three", torch.float32),
        ("coder", torch.float32),
    ],
)
def test_the_way_to_a_bundle_and_back_keeps_every_bit(
    kind: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    tensors = write_toolkit(tmp_path / "a", kind, dtype)
    convert(tmp_path / "a", tmp_path / "b", "bundle")
    convert(tmp_path / "b", tmp_path / "c", "toolkit")
    assert_same(load_tensors(tmp_path / "c" / "model.safetensors"), tensors)
    config = json.loads((tmp_path / "c" / "model_config.json").read_text())
    assert config == toolkit_config(kind)
    one, two = (Model.open(tmp_path / name) for name in "ab")
    assert (one.checkpoint.layout, two.checkpoint.layout) == ("toolkit", "bundle")
    assert one.family == two.family == FAMILIES.get(kind, "oobleck")
    assert one.defaults == two.defaults
    for part, state in states(one).items():
        assert_same(states(two)[part], state)


@pytest.mark.parametrize("kind", ["open", "coder", "windowed"])
def test_the_way_to_diffusers_and_back_keeps_every_bit(kind: str, tmp_path: Path) -> None:
    tensors = write_toolkit(tmp_path / "a", kind)
    convert(tmp_path / "a", tmp_path / "b", "diffusers")
    convert(tmp_path / "b", tmp_path / "c", "toolkit")
    assert_same(load_tensors(tmp_path / "c" / "model.safetensors"), tensors)
    one, two = (Model.open(tmp_path / name) for name in "ab")
    assert two.checkpoint.layout == "diffusers" and two.family == one.family
    assert two.manifest.dit == one.manifest.dit
    assert two.manifest.conditioner == one.manifest.conditioner
    assert two.manifest.autoencoder == one.manifest.autoencoder or kind == "windowed"
    assert two.defaults == one.defaults or kind != "open"
    for part, state in states(one).items():
        assert_same(states(two)[part], state)


@pytest.mark.parametrize("kind", ["small", "two", "three"])
def test_what_diffusers_cannot_express_is_refused(kind: str, tmp_path: Path) -> None:
    write_toolkit(tmp_path / "a", kind)
    with pytest.raises(UserError, match="diffusers layout"):
        convert(tmp_path / "a", tmp_path / "b", "diffusers")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("kind", ["open", "small", "two", "coder"])
def test_sizes_are_read_off_the_tensors_where_there_is_no_config(kind: str, tmp_path: Path) -> None:
    """Only 2.0 cannot be told from Open 1.0: its tensors have the same names and shapes."""
    write_toolkit(tmp_path / "a", kind)
    write_toolkit(tmp_path / "b", kind, config=False)
    known, read = Model.open(tmp_path / "a"), Model.open(tmp_path / "b")
    assert read.manifest.dit == known.manifest.dit
    assert read.manifest.autoencoder == known.manifest.autoencoder
    assert all(report.loads and not report.unexpected for report in read.reports.values())
    assert any("no model_config.json" in note for note in read.checkpoint.notes)
    if kind != "two":
        assert (read.family, read.objective) == (known.family, known.objective)


def test_stable_audio_3_needs_its_config(tmp_path: Path) -> None:
    write_toolkit(tmp_path / "a", "three", config=False)
    with pytest.raises(UserError, match=r"Stable Audio 3, whose settings"):
        Model.open(tmp_path / "a")


def test_a_training_file_gives_its_averaged_weights_and_says_so(tmp_path: Path) -> None:
    config = toolkit_config("open")
    tensors = toolkit_tensors(config)
    raw = {f"diffusion.{key}": torch.zeros_like(one) for key, one in tensors.items()}
    for key, one in tensors.items():
        if key.startswith("model."):
            raw[f"diffusion_ema.ema_model.{key.removeprefix('model.')}"] = one
        else:
            raw[f"diffusion.{key}"] = one
    raw |= {"diffusion_ema.initted": torch.ones(1), "losses.x": torch.ones(2)}
    save_tensors(tmp_path / "run.safetensors", raw)
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    model = Model.open(tmp_path / "run.safetensors")
    assert model.checkpoint.layout == "wrapped"
    assert any("averaged (EMA) weights taken" in note for note in model.checkpoint.notes)
    convert(tmp_path / "run.safetensors", tmp_path / "out", "toolkit")
    assert_same(load_tensors(tmp_path / "out" / "model.safetensors"), tensors)


def test_an_autoencoder_from_training(tmp_path: Path) -> None:
    config = toolkit_config("coder")
    tensors = toolkit_tensors(config)
    raw = {f"autoencoder.{key}": torch.zeros_like(one) for key, one in tensors.items()}
    raw |= {f"autoencoder_ema.ema_model.{key}": one for key, one in tensors.items()}
    raw |= {"discriminator.w": torch.ones(1), "autoencoder_ema.online_model.x": torch.ones(1)}
    save_tensors(tmp_path / "run.safetensors", raw, {"model_config": json.dumps(config)})
    convert(tmp_path / "run.safetensors", tmp_path / "out", "toolkit")
    assert_same(load_tensors(tmp_path / "out" / "model.safetensors"), tensors)


def test_a_file_without_averages_says_that_too(tmp_path: Path) -> None:
    raw = {
        f"autoencoder.{key}": one for key, one in toolkit_tensors(toolkit_config("coder")).items()
    }
    save_tensors(tmp_path / "run.safetensors", raw)
    notes = Model.open(tmp_path / "run.safetensors").checkpoint.notes
    assert any("no averaged" in note for note in notes)


def test_diffusers_own_classes_and_ours_read_each_other(tmp_path: Path) -> None:
    """The same random model, saved by diffusers: every tensor arrives, and goes back in place."""
    from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck
    from diffusers.models.transformers.stable_audio_transformer import StableAudioDiTModel
    from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel

    torch.manual_seed(0)
    networks: dict[str, Any] = {
        "transformer": StableAudioDiTModel(
            sample_size=32,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=64,
            num_attention_heads=2,
            num_key_value_attention_heads=1,
            cross_attention_dim=64,
            cross_attention_input_dim=64,
            global_states_input_dim=128,
        ),
        "vae": AutoencoderOobleck(
            encoder_hidden_size=8,
            downsampling_ratios=[2, 4],
            channel_multiples=[1, 2],
            decoder_channels=8,
            decoder_input_channels=4,
        ),
        "projection_model": StableAudioProjectionModel(768, 64, 0, 512),
    }
    for part, network in networks.items():
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        network.save_pretrained(tmp_path / "a" / part)
    model = Model.open(tmp_path / "a")
    assert model.family == "stable-audio-open-1.0"
    assert not any(report.faults() for report in model.reports.values())
    for step, target in (("b", "toolkit"), ("c", "bundle"), ("d", "diffusers")):
        convert(tmp_path / chr(ord(step) - 1), tmp_path / step, target)
        again = Model.open(tmp_path / step)
        for part, state in states(model).items():
            assert_same(states(again)[part], state)
    for part, network in networks.items():
        loaded = type(network).from_pretrained(tmp_path / "d" / part)
        assert_same(dict(loaded.state_dict()), dict(network.state_dict()))
        for name, value in network.config.items():
            assert name.startswith("_") or loaded.config[name] == value
    assert torch.equal(
        model.dit().state_dict()["transformer.layers.1.self_attn.to_qkv.weight"].chunk(3)[1],
        networks["transformer"].transformer_blocks[1].attn1.to_k.weight,
    )
    with torch.no_grad():
        latents = torch.randn(1, 4, 8)
        theirs = networks["vae"].decode(latents).sample
        torch.testing.assert_close(model.autoencoder().decode(latents), theirs)


def test_stable_audio_3_goes_to_diffusers_own_classes_and_back(tmp_path: Path) -> None:
    """diffusers loads what we write, every tensor of it, and computes what we compute."""
    from diffusers.models.autoencoders.autoencoder_same import AutoencoderSAME
    from diffusers.models.transformers.transformer_stable_audio3 import StableAudio3DiTModel
    from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import (
        StableAudio3DurationEmbedder,
    )

    write_toolkit(tmp_path / "a", "windowed")
    convert(tmp_path / "a", tmp_path / "b", "diffusers")
    kinds = {
        "transformer": StableAudio3DiTModel,
        "vae": AutoencoderSAME,
        "duration_embedder": StableAudio3DurationEmbedder,
    }
    theirs: dict[str, Any] = {}
    for part, kind in kinds.items():
        theirs[part], report = kind.from_pretrained(tmp_path / "b" / part, output_loading_info=True)
        assert not any(report[fault] for fault in ("missing_keys", "unexpected_keys"))
        theirs[part].save_pretrained(tmp_path / "c" / part)
    model = Model.open(tmp_path / "c")
    assert (model.family, model.checkpoint.layout) == ("stable-audio-3-small", "diffusers")
    assert not any(report.faults() for report in model.reports.values())
    for part, state in states(Model.open(tmp_path / "a")).items():
        assert_same(states(model)[part], state)
    for name, module in theirs["transformer"].named_modules():
        if name.endswith(("pre_norm", "attend_norm", "ff_norm")):
            module.eps = 1e-5  # as Stable Audio 3 itself has it
    audio, latents = torch.randn(1, 2, 64 * 6), torch.randn(2, 4, 12)
    time, tokens, known = torch.tensor([0.3, 0.9]), torch.randn(2, 5, 768), torch.randn(2, 12, 5)
    seconds = model.conditioner().parts["seconds_total"](torch.tensor([12.0, 300.0]))
    condition = Condition(tokens, None, seconds, local=known)
    with torch.no_grad():
        velocity = theirs["transformer"](latents, time, tokens, seconds, local_add_cond=known.mT)
        coded = theirs["vae"].encode(audio).latents
        pairs = [
            (theirs["duration_embedder"](torch.tensor([12.0, 300.0])), seconds),
            (velocity.sample, model.dit()(latents, time, condition)),
            (coded, model.autoencoder().encode(audio).mean),
            (theirs["vae"].decode(coded).sample, model.autoencoder().decode(coded)),
        ]
    for one, two in pairs:
        torch.testing.assert_close(two, one, atol=2e-5, rtol=1e-5)


def test_a_diffusers_folder_says_how_stable_audio_3_was_trained(tmp_path: Path) -> None:
    write_toolkit(tmp_path / "a", "windowed")
    convert(tmp_path / "a", tmp_path / "b", "diffusers")
    index = json.loads((tmp_path / "b" / "model_index.json").read_text())
    assert index["_class_name"] == "StableAudio3Pipeline"
    assert index["duration_embedder"] == ["stable_audio_3", "StableAudio3DurationEmbedder"]
    assert Model.open(tmp_path / "b").objective == "rf_denoiser"
    scheduler = tmp_path / "b" / "scheduler" / "scheduler_config.json"
    settings = json.loads(scheduler.read_text())
    scheduler.write_text(json.dumps(settings | {"stochastic_sampling": False}))
    base = Model.open(tmp_path / "b")
    assert (base.objective, base.family) == ("rectified_flow", "stable-audio-3-small-base")
    for part, changes, message in (
        ("transformer", {"depth": 10**6}, "fewer than the network"),
        ("transformer", {"patchsize": 2}, "unknown key 'patchsize'"),
        ("transformer", {"_class_name": "UNet"}, "is a 'UNet'; longform reads StableAudioDiTModel"),
        ("vae", {"_class_name": "AutoencoderOobleck"}, "beside a AutoencoderOobleck"),
        ("duration_embedder", {"max_freq": 5.0}, "max_freq is 5.0; only 10000.0"),
    ):
        path = tmp_path / "b" / part / "config.json"
        kept = path.read_text()
        path.write_text(json.dumps(json.loads(kept) | changes))
        with pytest.raises(UserError, match=message):
            Model.open(tmp_path / "b")
        path.write_text(kept)


def test_sharded_weights_are_found_through_their_index(tmp_path: Path) -> None:
    write_toolkit(tmp_path / "a", "open")
    convert(tmp_path / "a", tmp_path / "b", "diffusers")
    folder = tmp_path / "b" / "transformer"
    whole = load_tensors(folder / "diffusion_pytorch_model.safetensors")
    keys, shards = sorted(whole), {}
    for number in range(2):
        shards |= dict.fromkeys(keys[number::2], f"part-{number}.safetensors")
        save_tensors(folder / f"part-{number}.safetensors", {k: whole[k] for k in keys[number::2]})
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    convert(tmp_path / "b", tmp_path / "c", "toolkit")
    expected = load_tensors(tmp_path / "a" / "model.safetensors")
    assert_same(load_tensors(tmp_path / "c" / "model.safetensors"), expected)
    index.write_text(json.dumps({"weight_map": {"x": "../../a/model.safetensors"}}))
    with pytest.raises(UserError, match="leads out of its folder"):
        Model.open(tmp_path / "b")


def test_a_text_encoder_goes_along_without_pickles_or_code(tmp_path: Path) -> None:
    write_toolkit(tmp_path / "a", "open")
    text = tmp_path / "t5"
    text.mkdir()
    files = {"config.json", "model.safetensors", "tokenizer.json"}
    for name in (*files, "evil.py", "pytorch_model.bin"):
        (text / name).write_text("{}")
    convert(tmp_path / "a", tmp_path / "b", "bundle", text_encoder=text)
    convert(tmp_path / "b", tmp_path / "c", "diffusers")
    copied = {
        f"{folder}/{path.name}"
        for folder in ("b/text", "c/text_encoder", "c/tokenizer")
        for path in (tmp_path / folder).iterdir()
    }
    assert copied == {f"b/text/{name}" for name in files} | {
        "c/text_encoder/config.json",
        "c/text_encoder/model.safetensors",
        "c/tokenizer/tokenizer.json",
    }
    index = json.loads((tmp_path / "c" / "model_index.json").read_text())
    assert index["text_encoder"] == ["transformers", "T5EncoderModel"]


def test_loading_takes_the_asked_precision_and_the_scale_of_the_latents(tmp_path: Path) -> None:
    tensors = write_toolkit(tmp_path / "a", "open")
    config = toolkit_config("open")
    config["model"]["pretransform"]["scale"] = 2.0
    (tmp_path / "a" / "model_config.json").write_text(json.dumps(config))
    model = open_model(tmp_path / "a")
    assert isinstance(model, Model)
    dit = model.dit(torch.bfloat16)
    weight = dit.transformer.project_in.weight
    stored = tensors["model.model.transformer.project_in.weight"]
    assert torch.equal(weight, stored.to(torch.bfloat16))
    assert not dit.training and not weight.requires_grad
    latents = torch.ones(1, 4, 3, dtype=torch.bfloat16)
    assert torch.equal(dit.standardise(latents), latents / 2)


def test_our_own_models_open_by_the_same_door(model_folder: Path) -> None:
    bundle = open_model(model_folder)
    assert not isinstance(bundle, Model)
    assert (bundle.family, bundle.objective, bundle.defaults.steps) == ("longform", "v", 2)
    with pytest.raises(UserError, match="need no conversion"):
        Model.open(model_folder)

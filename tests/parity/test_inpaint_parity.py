"""What Stable Audio 3's own `generate` tells its denoiser when it inpaints, against ours."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hub_models import WINDOWED, toolkit_config, toolkit_tensors
from torch import Tensor

from longform import Pipeline, Waveform
from longform.autoencoder.settings import to_toolkit
from longform.checkpoint import save_tensors
from longform.hub.model import Model
from longform.hub.report import IGNORED
from longform.request import Request

pytestmark = pytest.mark.parity
Find = Callable[[str], ModuleType]
Figure = Callable[[str, Tensor, Tensor, float], None]
RATE, HOP = 44_100, 512
FEATURES = torch.randn(1, 4, 768, generator=torch.Generator().manual_seed(0))


def reference(find: Find, config: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    """Stable Audio 3's model; its text tower, which would be fetched, is left out."""
    find("stable_audio_3.models.transformer").__dict__["flex_attention_available"] = False
    told = json.loads(json.dumps(config))
    told["model"]["conditioning"]["configs"].pop(0)
    made = find("stable_audio_3.factory").create_diffusion_cond_from_config(told)
    faults = made.load_state_dict(tensors, strict=False)
    assert all(name.endswith(IGNORED) for name in faults.missing_keys), faults.missing_keys
    assert faults.unexpected_keys == ["conditioner.conditioners.prompt.padding_embedding"]
    made = made.eval().requires_grad_(False)
    return find("stable_audio_3.model").StableAudioModel(made, told, "cpu", False)


@pytest.mark.parametrize("job", ["inpaint", "extend"])
def test_inpainting_is_told_as_in_the_reference(
    find: Find, figure: Figure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: str
) -> None:
    config = toolkit_config("windowed")
    config["model"]["pretransform"]["config"] = to_toolkit(replace(WINDOWED, patch_samples=32))
    tensors = toolkit_tensors(config)
    save_tensors(tmp_path / "model.safetensors", tensors)
    (tmp_path / "model_config.json").write_text(json.dumps(config))

    def encode_text(prompts: list[str]) -> tuple[Tensor, Tensor]:
        return FEATURES, torch.ones(1, 4, dtype=torch.bool)

    pipe = Pipeline(Model.open(tmp_path), "cpu", encode_text)
    pipe.dtype = torch.float32  # as the reference on a CPU
    noise = np.random.default_rng(0).standard_normal((2, RATE))
    audio = Waveform((0.1 * noise).astype(np.float32), RATE)
    asked, calls = Request(prompt="piano", steps=2, guidance=1.0), []
    hook = pipe.dit.register_forward_hook(lambda _, inputs, out: calls.append((*inputs, out)))
    if job == "inpaint":
        pipe.inpaint(audio, asked, [(0.3, 0.6)])
    else:
        pipe.extend(audio, asked, after_seconds=1.0)
        audio = Waveform(np.pad(audio.samples, ((0, 0), (0, RATE))), RATE)
    hook.remove()
    x, time, condition, velocity = calls[0]
    fresh = (condition.local[0, :, 0] == 0).nonzero()[:, 0].tolist()
    edges = [at for at in fresh if at - 1 not in fresh], [at for at in fresh if at + 1 not in fresh]

    theirs, heard = reference(find, config, tensors), {}

    def sample(noise: Tensor, cond_inputs: dict[str, Tensor], **_: object) -> Tensor:
        heard.update(cond_inputs)
        return noise

    monkeypatch.setattr(find("stable_audio_3.model"), "sample_diffusion", sample)
    seconds = float(np.ceil(audio.seconds))
    number = theirs.model.conditioner.conditioners["seconds_total"]([seconds], "cpu")
    text = torch.ones(1, 4, dtype=torch.bool)
    theirs.generate(
        conditioning_tensors={"prompt": (FEATURES, text), "seconds_total": number},
        sample_size=x.shape[-1] * HOP,
        duration=seconds,
        inpaint_audio=(RATE, torch.from_numpy(audio.samples)),
        inpaint_mask_start_seconds=[(at - 0.5) * HOP / RATE for at in edges[0]],
        inpaint_mask_end_seconds=[(at + 0.5) * HOP / RATE for at in edges[1]],
        return_latents=True,
    )
    figure("inpainting, mask and masked input", condition.local.mT, heard["local_add_cond"], 1e-5)
    figure("inpainting, tokens", condition.tokens, heard["cross_attn_cond"], 1e-5)
    figure("inpainting, global vector", condition.global_, heard["global_cond"], 1e-5)
    with torch.no_grad():
        wanted = theirs.dit(x, time, **{key: heard[key] for key in (
            "cross_attn_cond", "global_cond", "local_add_cond"
        )})  # fmt: skip
    figure("inpainting, velocity", velocity, wanted, 2e-5)

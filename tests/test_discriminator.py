"""The discriminators that the autoencoder is trained against: their shape, and what they see."""

import pytest
import torch

from longform.autoencoder.discriminator import (
    ConvStack,
    DiscriminatorConfig,
    MultiScaleSTFTDiscriminator,
)
from longform.autoencoder.losses import feature_matching, hinge_generator


@pytest.mark.parametrize("fold", [1, 4])
def test_discriminator_shapes_and_depth(fold: int) -> None:
    config = DiscriminatorConfig(fft_sizes=(128, 64), filters=4, fold_bins=fold, kernel_bins=5)
    network = MultiScaleSTFTDiscriminator(config)
    logits, features = network(torch.randn(3, 2, 1024))
    assert [len(scale) for scale in features] == [5, 5]
    frames = [1024 // 32 + 1, 1024 // 16 + 1]
    bins = [65 // fold, 33 // fold]
    for scale in range(2):
        assert features[scale][0].shape == (3, 4, frames[scale], bins[scale])
        assert logits[scale].shape == (3, 1, frames[scale], -(-bins[scale] // 8))
    picked, _ = network(torch.randn(3, 2, 1024), [1])
    assert [scale.shape for scale in picked] == [logits[1].shape]


def test_the_discriminator_looks_ten_frames_to_either_side() -> None:
    torch.manual_seed(0)
    stack = ConvStack(2, 4, 5).double()
    image = torch.randn(1, 2, 31, 16, dtype=torch.float64)
    changed = image.clone()
    changed[:, :, 15] += 1
    differs = (stack(image)[0] != stack(changed)[0]).any(dim=3).flatten()
    # 1 + (1 + 2 + 4) from the time dilations + 1 + 1
    assert differs.nonzero().flatten().tolist() == list(range(5, 26))


def test_the_discriminator_is_that_of_the_paper_by_default() -> None:
    with torch.device("meta"):
        network = MultiScaleSTFTDiscriminator(DiscriminatorConfig())
    # Per scale: 4 -> 64 (3x9), three times 64 -> 64 (3x9), 64 -> 64 and 64 -> 1 (3x3),
    # each with a bias and a weight-norm gain per output channel.
    weights = 4 * 64 * 27 + 3 * 64 * 64 * 27 + 64 * 64 * 9 + 64 * 9
    assert sum(p.numel() for p in network.parameters()) == 5 * (weights + 2 * (5 * 64 + 1))


def test_adversarial_gradients_reach_the_audio() -> None:
    torch.manual_seed(0)
    network = MultiScaleSTFTDiscriminator(DiscriminatorConfig(fft_sizes=(64,), filters=4))
    fake = torch.randn(1, 2, 512, requires_grad=True)
    logits, features = network(fake)
    _, real = network(torch.randn(1, 2, 512))
    (hinge_generator(logits) + feature_matching(real, features)).backward()
    assert fake.grad is not None and (fake.grad != 0).float().mean() > 0.99

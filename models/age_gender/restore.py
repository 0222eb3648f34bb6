"""Reads a network back from its exported graph, to train on where no checkpoint is left.

The exporter folds every norm into its convolution. Unfolding measures what each convolution
gives on real crops and makes a norm of those statistics, so that the network answers as the
graph did and has norms to train. A filter's length, of which a norm is independent, becomes 1.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from network import AgeGenderNet

_HEADS = ("age", "gender")


@torch.inference_mode()
def restore(network: AgeGenderNet, folder: Path, crops: Tensor) -> None:
    """Gives `network` the weights of trunk, age and gender of the graph in `folder`.

    Args:
        network: changed in place.
        folder: of `age_gender.onnx`.
        crops: `(n, 3, size, size)` float, RGB, 0-1, some hundred, at the size of the graph.
    """
    graph = _initializers(folder / "age_gender.onnx")
    for head in _HEADS:
        for part in ("weight", "bias"):
            getattr(getattr(network, head), part).copy_(graph[f"_network.{head}.{part}"])
    folded = [(name, value) for name, value in graph.items() if name.startswith("onnx::Conv")]
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not len(folded) == 2 * len(convolutions) == 2 * len(norms):
        raise ValueError(f"{folder} holds a network of another shape")
    hooks = [norm.register_forward_pre_hook(_take_statistics) for norm in norms]
    pairs = zip(convolutions, norms, folded[::2], folded[1::2], strict=True)
    for convolution, norm, (_, weight), (_, bias) in pairs:
        length = weight.flatten(1).norm(dim=1).clamp(min=1e-4)
        convolution.weight.copy_(weight / length[:, None, None, None])
        norm.weight.copy_(length)  # until the statistics are taken: the scale without a norm
        norm.bias.copy_(bias)
    network.eval()
    network.features(crops)
    for hook in hooks:
        hook.remove()


def _take_statistics(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Sets the norm so that it gives `scale * input + bias`, the graph's own value."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.clone()
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.add_(scale * mean)


def _initializers(path: Path) -> dict[str, Tensor]:
    graph = onnx.load(path).graph
    return {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }

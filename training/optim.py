"""Muon for the matrices, AdamW for the rest; both leave a parameter without a gradient alone.

Notable:
- Muon (Jordan et al., 2024) replaces the momentum of a matrix by the nearest orthogonal one, by a Newton-Schulz
  iteration. Each ring of a nested matrix is a matrix of its own here: orthogonalising the whole would move the
  rows that the sampled submodel did not use;
- the update is scaled to one root mean square whatever the shape ("Muon is Scalable", arXiv 2502.16982), so that
  small rings take no larger steps than big ones;
- with several processes each orthogonalises its share of the matrices, and one all-reduce hands the updates round.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly: a quintic Newton-Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    transposed = x.shape[0] > x.shape[1]
    if transposed:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if transposed else x).float()


class Muon:
    """lr is the root mean square of one step's change; weight_decay the share of a weight lost a step at peak lr."""

    def __init__(self, parameters: list[Tensor], lr: float, weight_decay: float, momentum: float = 0.95):
        self.parameters, self.lr, self.weight_decay, self.momentum = parameters, lr, weight_decay, momentum
        self.buffers = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One step at `scale` times the peak learning rate."""
        world = dist.get_world_size() if dist.is_initialized() else 1
        rank = dist.get_rank() if world > 1 else 0
        active = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        # Heaviest first, dealt in turn, so that the processes carry the same load.
        active.sort(key=lambda i: -self.parameters[i].numel())
        flat = torch.zeros(sum(self.parameters[i].numel() for i in active))
        updates, offset = {}, 0
        for order, i in enumerate(active):
            p, buffer = self.parameters[i], self.buffers[i]
            buffer.lerp_(p.grad, 1 - self.momentum)
            view = flat[offset : offset + p.numel()].view_as(p)
            offset += p.numel()
            if order % world == rank:
                view.copy_(orthogonalise(p.grad.lerp(buffer, self.momentum)))
            updates[i] = view
        if world > 1:
            dist.all_reduce(flat)
        for i in active:
            p = self.parameters[i]
            p.mul_(1 - scale * self.weight_decay)
            p.add_(updates[i], alpha=-scale * self.lr * max(p.shape) ** 0.5)

    def state_dict(self) -> list[Tensor]:
        return self.buffers

    def load_state_dict(self, buffers: list[Tensor]) -> None:
        for buffer, saved in zip(self.buffers, buffers, strict=True):
            buffer.copy_(saved)


def split_parameters(model: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """(matrices for Muon, embedding and norms for AdamW)."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and name != "embedding" else others).append(parameter)
    return matrices, others


@torch.no_grad()
def average_gradients(parameters: list[Tensor]) -> None:
    """Mean of the gradients over the processes: one all-reduce for all that are active."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))

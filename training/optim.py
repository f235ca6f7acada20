"""Muon for the matrices, AdamW for the rest; both leave a parameter without a gradient alone.

Notable:
- Muon (Jordan et al., 2024) replaces the momentum of a matrix by the nearest orthogonal one, by a Newton-Schulz
  iteration. Each slice of a nested matrix is a matrix of its own here: orthogonalising the whole would move the
  rows that the sampled submodel did not use;
- the update is scaled to the same root mean square for every shape ("Muon is Scalable", arXiv 2502.16982), so that
  small slices take no larger steps than big ones;
- with several processes each orthogonalises its share of the matrices, and one all-reduce hands the updates round.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.model import fast_dtype


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrices, roughly: a quintic Newton-Schulz iteration. [..., rows, columns]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.to(fast_dtype(matrices.device))
    transposed = x.shape[-2] > x.shape[-1]
    if transposed:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if transposed else x).float()


class Muon:
    """lr is the root mean square of one step's change; weight_decay the share of a weight lost a step at peak lr.

    A matrix is a list of parameters stacked by rows: one for each slice, or all slices of a matrix together.
    """

    def __init__(self, matrices: list[list[Tensor]], lr: float, weight_decay: float, momentum: float = 0.95):
        self.matrices, self.lr, self.weight_decay, self.momentum = matrices, lr, weight_decay, momentum
        self.buffers = [torch.zeros(sum(p.shape[0] for p in m), m[0].shape[1], device=m[0].device) for m in matrices]

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One step at `scale` times the peak learning rate."""
        world = dist.get_world_size() if dist.is_initialized() else 1
        rank = dist.get_rank() if world > 1 else 0
        active = [i for i, matrix in enumerate(self.matrices) if any(p.grad is not None for p in matrix)]
        # Heaviest first, dealt in turn, so that the processes carry the same load.
        active.sort(key=lambda i: -self.buffers[i].numel())
        gradients = [
            torch.cat([torch.zeros_like(p) if p.grad is None else p.grad for p in self.matrices[i]]) for i in active
        ]
        buffers = [self.buffers[i] for i in active]
        torch._foreach_lerp_(buffers, gradients, 1 - self.momentum)
        flat = torch.zeros(sum(b.numel() for b in buffers), device=self.buffers[0].device)
        updates = [u.view_as(b) for u, b in zip(flat.split([b.numel() for b in buffers]), buffers, strict=True)]
        # Matrices of one shape are orthogonalised together: one by one, launching would keep a GPU waiting.
        mine: dict[torch.Size, list[int]] = {}
        for order in range(rank, len(active), world):
            mine.setdefault(buffers[order].shape, []).append(order)
        for orders in mine.values():
            nesterov = torch._foreach_lerp([gradients[k] for k in orders], [buffers[k] for k in orders], self.momentum)
            torch._foreach_copy_([updates[k] for k in orders], list(orthogonalise(torch.stack(nesterov))))
        if world > 1:
            dist.all_reduce(flat)
        parameters, steps = [], []
        for i, update in zip(active, updates, strict=True):
            parameters += self.matrices[i]
            steps += (update * (-scale * self.lr * max(update.shape) ** 0.5)).split([len(p) for p in self.matrices[i]])
        torch._foreach_mul_(parameters, 1 - scale * self.weight_decay)
        torch._foreach_add_(parameters, steps)

    def state_dict(self) -> list[Tensor]:
        return self.buffers

    def load_state_dict(self, buffers: list[Tensor]) -> None:
        for buffer, saved in zip(self.buffers, buffers, strict=True):
            buffer.copy_(saved)


# Matrices of which an update uses some rows, or that are added and not multiplied: for AdamW.
TABLES = ("embedding", "position_embedding")


def split_parameters(model: nn.Module, whole: bool = False) -> tuple[list[list[Tensor]], list[Tensor]]:
    """(matrices for Muon, embedding and norms for AdamW); `whole` joins the slices of a nested matrix into one."""
    lists = [child for child in model.modules() if isinstance(child, nn.ParameterList)]
    in_lists = {id(p) for child in lists for p in child}
    matrices = [list(child) for child in lists] if whole else [[p] for child in lists for p in child]
    others = []
    for name, parameter in model.named_parameters():
        if id(parameter) in in_lists:
            continue
        if parameter.ndim == 2 and name not in TABLES:
            matrices.append([parameter])
        else:
            others.append(parameter)
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

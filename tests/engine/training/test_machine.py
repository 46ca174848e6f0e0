"""The same training on a CPU and on a GPU."""

from pathlib import Path

import pytest
import torch

from engine.training.machine import CPU, Machine, find_machine
from engine.training.presets import Preset
from engine.training.text import train_text
from engine.training.trainer import Plan


def test_half_precision_is_used_only_where_it_pays() -> None:
    """On the plain CPU everything stays fp32."""
    with CPU.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == torch.float32
    assert find_machine().is_cpu != torch.cuda.is_available()


def test_half_precision_remembers_no_weights() -> None:
    """A look without gradients takes none from what is learnt later in the same block."""
    with Machine(CPU.device, has_bf16=True).autocast():
        assert not torch.is_autocast_cache_enabled()


@pytest.mark.gpu
def test_a_part_trains_on_the_gpu(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """Scenes are composed and learnt from where the weights are."""
    machine = find_machine()
    assert not machine.is_cpu
    plan = Plan(tmp_path, 60, warmup=2, max_steps=2)
    assert train_text(preset, pack, plan, batch=4, machine=machine).steps == 2

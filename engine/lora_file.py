"""A LoRA's file as diffusers reads it, and how it comes into a U-Net or a text encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A file read: its tensors by diffusers' names, and what else belongs to them."""

    tensors: dict[str, torch.Tensor]
    alphas: Any
    metadata: Any

    @classmethod
    def read(cls, pipeline: Any, path: Path) -> "LoraFile":
        """Read a file for the models of a pipeline."""
        tensors, alphas, metadata = pipeline.lora_state_dict(
            str(path.parent),
            weight_name=path.name,
            use_safetensors=True,
            local_files_only=True,
            unet_config=pipeline.unet.config,
            return_lora_metadata=True,
        )
        return cls(tensors, alphas, metadata)

    def put_into_unet(self, pipeline: Any, unet: Any, name: str) -> None:
        """Add what is for a U-Net, by a name; it is at work at once."""
        if self._has("unet"):
            pipeline.load_lora_into_unet(self.tensors, unet=unet, **self._options(name))

    def put_into_encoder(self, pipeline: Any, encoder: Any, part: str, name: str) -> None:
        """Add what is for a text encoder, which goes by `part` in the file."""
        if self._has(part):
            pipeline.load_lora_into_text_encoder(
                self.tensors, text_encoder=encoder, prefix=part, **self._options(name)
            )

    def _has(self, part: str) -> bool:
        return any(key.startswith(f"{part}.") for key in self.tensors)

    def _options(self, name: str) -> dict[str, Any]:
        return {"network_alphas": self.alphas, "adapter_name": name, "metadata": self.metadata}

"""A LoRA for few steps, of random weights, as training saves one."""

import copy

TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2")
"""The layers that training gives a LoRA."""


def save_few_steps(unet, folder, strength=0.05, seed=11):
    """Save a LoRA for a U-Net as training does."""
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils.save_and_load import get_peft_model_state_dict

    taught = copy.deepcopy(unet)
    generator = torch.Generator().manual_seed(seed)
    taught.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=list(TARGETS)), "default")
    with torch.no_grad():
        for name, weight in taught.named_parameters():
            if ".lora_" in name:
                weight.copy_(strength * torch.randn(weight.shape, generator=generator))
    StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers=get_peft_model_state_dict(taught),
        weight_name="few-steps.safetensors",
    )

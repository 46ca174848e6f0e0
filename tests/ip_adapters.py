"""Tiny IP-Adapters of random weights, with the names that published ones have."""


def cross_attention(unet):
    """The U-Net's cross-attention layers in the order in which adapters count them."""
    names = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    return [unet.get_submodule(name.removesuffix(".processor")) for name in names]


def save_encoder(folder, seed=3, width=16, projection=24):
    """Save an image encoder that looks at pictures of 32x32 in parts of 8x8."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=width,
                intermediate_size=2 * width,
                projection_dim=projection,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=32,
                patch_size=8,
            )
        )
    encoder.save_pretrained(folder, safe_serialization=True)


def save_adapter(unet, path, seed=5, projection=24, plus=False, width=16):
    """Save an adapter for a U-Net: one that reads a picture as a whole, or as `plus` its parts."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)

    def noise(*shape, scale=0.5):
        return scale * torch.randn(shape, generator=generator)

    cross = unet.config.cross_attention_dim
    tensors = resampler(noise, cross, width) if plus else whole(noise, cross, projection)
    for number, layer in enumerate(cross_attention(unet)):
        for side in "kv":
            key = f"ip_adapter.{2 * number + 1}.to_{side}_ip.weight"
            tensors[key] = noise(layer.inner_kv_dim, cross)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def whole(noise, cross, projection):
    """The projection of the plain IP-Adapter: four tokens of one vector."""
    return {
        "image_proj.proj.weight": noise(4 * cross, projection),
        "image_proj.proj.bias": noise(4 * cross),
        "image_proj.norm.weight": 1 + noise(cross, scale=0.1),
        "image_proj.norm.bias": noise(cross),
    }


def resampler(noise, cross, width, inner=64, tokens=3):
    """The projection of IP-Adapter Plus: a resampler with four layers."""
    shapes = {
        "latents": (1, tokens, inner),
        "proj_in.weight": (inner, width),
        "proj_in.bias": (inner,),
        "proj_out.weight": (cross, inner),
        "proj_out.bias": (cross,),
    }
    norms = {"norm_out": cross}
    for layer in (f"layers.{number}" for number in range(4)):
        norms |= {f"{layer}.0.norm1": inner, f"{layer}.0.norm2": inner, f"{layer}.1.0": inner}
        shapes |= {
            f"{layer}.0.to_q.weight": (inner, inner),
            f"{layer}.0.to_kv.weight": (2 * inner, inner),
            f"{layer}.0.to_out.weight": (inner, inner),
            f"{layer}.1.1.weight": (4 * inner, inner),
            f"{layer}.1.3.weight": (inner, 4 * inner),
        }
    tensors = {name: noise(*shape, scale=0.2) for name, shape in shapes.items()}
    for name, size in norms.items():
        tensors |= {f"{name}.weight": 1 + noise(size, scale=0.1), f"{name}.bias": noise(size)}
    return {f"image_proj.{name}": tensor for name, tensor in tensors.items()}

"""Parts of a pipeline as one job should see them: the same modules, told a little differently."""

import functools
from types import SimpleNamespace
from typing import Any, cast

import torch
from diffusers.configuration_utils import FrozenDict
from PIL import Image


def stand_on(pipeline: Any, device: torch.device) -> None:
    """Let a pipeline know which device its models run on.

    Diffusers' own walk through every module of every model to find that out, several times for
    each picture.
    """
    kind: Any = type(pipeline)
    pipeline.__class__ = _standing_on(kind, device)


@functools.cache
def _standing_on(kind: type, device: torch.device) -> type:
    told = {"_execution_device": device, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), told)


class Facade:
    """Stands for a module; what is not said here is the module's own."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._module(*args, **kwargs)


class Denoiser(Facade):
    """A U-Net that says how many channels it has in a number the inpaint pipelines know.

    They ask only whether it is made for inpainting (9 channels) or not (4); ours has 8.
    """

    @functools.cached_property
    def config(self) -> FrozenDict:
        """The configuration with four channels in: pipelines ask for it dozens of times."""
        return FrozenDict({**self._module.config, "in_channels": 4})


class JobVae(Facade):
    """A VAE that encodes a picture once, however often the job hands it over for its tiles.

    `start` is the latents of that picture where they are still known: then nothing is encoded.
    `decoded` is what the job's pictures were decoded from.
    """

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.start: torch.Tensor | None = None
        self.decoded: torch.Tensor | None = None
        self._last: tuple[torch.Tensor, Any] | None = None

    def encode(self, picture: torch.Tensor, **options: Any) -> Any:
        """Encode as the VAE does."""
        if options:
            return self._module.encode(picture, **options)
        if self._last is not None and torch.equal(self._last[0], picture):
            return self._last[1]
        encoded = self._module.encode(picture) if self.start is None else self._known(picture)
        self._last = picture, encoded
        return encoded

    def decode(self, latents: torch.Tensor, *args: Any, **options: Any) -> Any:
        """Decode as the VAE does."""
        self.decoded = latents
        return self._module.decode(latents, *args, **options)

    def _known(self, picture: torch.Tensor) -> Any:
        start = cast("torch.Tensor", self.start).to(picture.device, picture.dtype)
        if hasattr(self._module, "quant_conv"):
            return SimpleNamespace(latent_dist=_Certain(start))
        return SimpleNamespace(latents=start)


def encode(pipeline: Any, picture: Image.Image) -> torch.Tensor:
    """Return the likeliest latents (1, channels, height, width) of a picture, unscaled."""
    vae = pipeline.vae
    pixels = pipeline.image_processor.preprocess(picture).to(vae.device, vae.dtype)
    encoded = vae.encode(pixels)
    found = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    return cast("torch.Tensor", found)


class _Certain:
    """In the place of the distribution of a picture's latents: they are known.

    It draws what a distribution would, so that the seed's next noise is the same.
    """

    def __init__(self, latents: torch.Tensor) -> None:
        self._latents = latents

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        torch.randn(self._latents.shape, generator=generator, dtype=self._latents.dtype)
        return self._latents

    def mode(self) -> torch.Tensor:
        return self._latents

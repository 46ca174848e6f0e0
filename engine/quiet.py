"""The one place where the libraries are made quiet neighbours; called before they are imported."""

import logging
import os
import warnings


def hush() -> None:
    """Keep diffusers, transformers and the hub to errors, and OpenMP's idle threads asleep."""
    # Threads that spin while they wait ruin a shared machine: a grid took 44 s beside two busy
    # processes on two cores, and 1.0 s with this.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for library in ("diffusers", "transformers", "huggingface_hub", "accelerate", "peft"):
        warnings.filterwarnings("ignore", module=rf"{library}\b.*", category=FutureWarning)
        warnings.filterwarnings("ignore", module=rf"{library}\b.*", category=UserWarning)
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    # First transformers: importing diffusers makes it say what it misses of torchvision.
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()

"""How Easel's embedded model is made: scenes, tokenizer, text encoder, autoencoder, denoiser.

Nothing else in the engine imports this package; what it leaves behind is a diffusers folder.
"""

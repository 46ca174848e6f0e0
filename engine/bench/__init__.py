"""How fast and how fair the engine is beside plain diffusers: `easel bench`."""

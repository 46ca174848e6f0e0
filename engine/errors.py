"""How the engine says that something cannot be had; each text is a sentence for its reader."""


class ModelError(Exception):
    """A model cannot be opened: which one, what was wrong, and what would be right."""


class PaintError(Exception):
    """One job cannot be painted; the text may be shown to the painter."""


class StoppedError(Exception):
    """The job was cancelled: thrown out of its pipeline, so that nothing more is computed."""

"""What a result was made with. Torch-free."""

import importlib.metadata
import platform

LIBRARIES = (
    "torch", "transformers", "sentence-transformers", "trl", "accelerate", "peft", "datasets", "tokenizers",
    "safetensors", "numpy",
)  # fmt: skip


def library_versions():
    """Package name → version, Python's included."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions

"""With which MLflow this works: stated once, and checked before anything of it is used."""

from __future__ import annotations

import importlib.metadata

OLDEST = (3, 17)
"""The first version whose simulators these stand in for."""
NEWEST_MAJOR = 3
"""A new major version may change anything."""


def check() -> None:
    """Raises `ImportError` where there is no MLflow beside us, or not one that this works with."""
    try:
        found = importlib.metadata.version("mlflow")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError("reenact.mlflow needs MLflow: pip install 'reenact[mlflow]'") from None
    major, minor, *_ = (int(part) if part.isdigit() else 0 for part in found.split("."))
    if not ((major, minor) >= OLDEST and major <= NEWEST_MAJOR):
        oldest = ".".join(map(str, OLDEST))
        raise ImportError(
            f"reenact.mlflow works with MLflow {oldest} up to, not including, {NEWEST_MAJOR + 1}; "
            f"found {found}: pip install 'reenact[mlflow]'"
        )

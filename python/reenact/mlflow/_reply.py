"""The words of an agent's response, in whichever of the usual forms it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow.genai.utils.trace_utils import parse_outputs_to_str


def words_of(response: Any) -> str:
    """The words that the user reads: empty where there are none.

    Chat completions, responses, messages and texts are read as MLflow reads them. A mapping of some other form that holds just one
    text, such as `{"output": "…"}`, says that text, and not its own JSON.
    """
    if response is None:
        return ""
    if isinstance(response, Mapping):
        texts = [value for value in response.values() if isinstance(value, str)]
        if isinstance(response.get("content"), str):
            return str(response["content"])
        if len(response) == 1 and texts:
            return texts[0]
        if isinstance(response.get("output"), str):
            return str(response["output"])
    return str(parse_outputs_to_str(response)).strip()

"""MLflow's conversation simulation, held by reenact: change the import line, and nothing else.

```python
from reenact.mlflow import ConversationSimulator, generate_test_cases     # was: from mlflow.genai.simulators import …

test_cases = generate_test_cases(mlflow.search_sessions(locations=[experiment]))
simulator = ConversationSimulator(test_cases=test_cases, max_turns=5)
mlflow.genai.evaluate(data=simulator, predict_fn=predict_fn, scorers=[ConversationCompleteness()])
```

`docs/mlflow.md` tells what is the same, what is better, and with which versions of MLflow this works.
"""

# What is imported below imports MLflow, which may not be there, or be another one: that is looked into first.
# ruff: noqa: E402

from __future__ import annotations

from . import _versions

_versions.check()

from mlflow.genai.simulators import SimulatorContext

from ._distilling import SkippedSession, TestCases, generate_test_cases
from ._simulator import ConversationSimulator, SimulatedConversation
from ._users import BaseSimulatedUserAgent, SimulatedUserAgent

__all__ = [
    "BaseSimulatedUserAgent",
    "ConversationSimulator",
    "SimulatedConversation",
    "SimulatedUserAgent",
    "SimulatorContext",
    "SkippedSession",
    "TestCases",
    "generate_test_cases",
]

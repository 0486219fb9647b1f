"""`reenact` turns conversations that really happened between users and an AI agent into test cases, plays those users again against
the agent as it is today, and says whether it got better.

```python
import reenact

store = reenact.Store.temporary()
store.import_(b'{"session_id": "s-1", "messages": ['
              b'{"role": "user", "content": "are you open on saturday"},'
              b'{"role": "assistant", "content": "No, but on sunday."},'
              b'{"role": "user", "content": "That is wrong, you are closed on sunday"}]}')
suite = reenact.distill(store).suite()

def agent(messages):
    return "We are closed on saturday and on sunday."

report = reenact.run(suite, agent, store=store)
print(report)
```
"""

from ._native import version as _version
from ._ways import Conversation, Turn
from .errors import Error, Interrupted
from .participants import Agent, AgentTurn, Hearing, Judge, Leave, Ruling, Say, Scene, SimulatedUser
from .report import Raised, Report, diff
from .running import assess, distill, import_, judge, judge_async, read, resume, resume_async, run, run_async
from .store import Store
from .testing import Case, NotPassed, cases
from .words import (
    Assessment,
    Brief,
    Check,
    Comparison,
    Distilled,
    Ending,
    EndingKind,
    Evidence,
    Expectation,
    Fact,
    FaultKind,
    Gate,
    Imported,
    JudgeSpec,
    Judging,
    Leaving,
    Message,
    Origin,
    Outcome,
    Plan,
    Run,
    Session,
    SessionSummary,
    Skipped,
    Speaker,
    Status,
    Stress,
    Suite,
    TestCase,
    ToolCall,
    Trial,
    Verdict,
)

__version__ = _version()

__all__ = [
    "Agent",
    "AgentTurn",
    "Assessment",
    "Brief",
    "Case",
    "Check",
    "Comparison",
    "Conversation",
    "Distilled",
    "Ending",
    "EndingKind",
    "Error",
    "Evidence",
    "Expectation",
    "Fact",
    "FaultKind",
    "Gate",
    "Hearing",
    "Imported",
    "Interrupted",
    "Judge",
    "JudgeSpec",
    "Judging",
    "Leave",
    "Leaving",
    "Message",
    "NotPassed",
    "Origin",
    "Outcome",
    "Plan",
    "Raised",
    "Report",
    "Ruling",
    "Run",
    "Say",
    "Scene",
    "Session",
    "SessionSummary",
    "SimulatedUser",
    "Skipped",
    "Speaker",
    "Status",
    "Store",
    "Stress",
    "Suite",
    "TestCase",
    "ToolCall",
    "Trial",
    "Turn",
    "Verdict",
    "assess",
    "cases",
    "diff",
    "distill",
    "import_",
    "judge",
    "judge_async",
    "read",
    "resume",
    "resume_async",
    "run",
    "run_async",
]

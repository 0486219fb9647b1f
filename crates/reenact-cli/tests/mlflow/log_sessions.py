"""Logs sessions as agents do that use MLflow's own client, and prints what was said in each.

    log_sessions.py ADDRESS EXPERIMENT SESSIONS TURNS
"""
import json
import sys

import mlflow

address, experiment, sessions, turns = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
mlflow.set_tracking_uri(address)
mlflow.set_experiment(experiment)


def join(session):
    mlflow.update_current_trace(metadata={"mlflow.trace.session": session}, tags={"team": "even" if int(session[2:]) % 2 == 0 else "odd"})


@mlflow.trace(name="history")
def with_history(messages, session):
    """Is told all of the conversation, and calls a model with it."""
    join(session)
    with mlflow.start_span("llm", span_type="CHAT_MODEL") as span:
        span.set_inputs({"messages": [{"role": "system", "content": "Be kind."}, *messages]})
        answer = f"I heard {messages[-1]['content']}"
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": answer}}]})
    return answer


@mlflow.trace(name="words")
def with_words(question, session):
    """Keeps the conversation itself, and is told what is new."""
    join(session)
    return f"I heard {question}"


said = {}
histories = {f"s-{number}": [] for number in range(sessions)}
for turn in range(turns):
    # The turns of all sessions lie between each other.
    for number, (session, history) in enumerate(histories.items()):
        question = f"question {turn} of {session}"
        history.append({"role": "user", "content": question})
        answer = with_history(history, session) if number % 3 else with_words(question, session)
        history.append({"role": "assistant", "content": answer})
mlflow.flush_trace_async_logging()
print(json.dumps({session: [line["content"] for line in history] for session, history in histories.items()}))

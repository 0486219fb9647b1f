"""An A2A agent on the official SDK: asks for the parcel number, which leaves the task waiting for input, and then finds it.

    python3 a2a_agent.py PORT [0.3]
"""

import os
import sys

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

PORT = int(sys.argv[1])


def die_once():
    mark = os.environ.get("DIE_ONCE")
    if mark and not os.path.exists(mark):
        open(mark, "w").close()
        print("fatal: out of parcels", file=sys.stderr, flush=True)
        os._exit(9)


class Parcels(AgentExecutor):
    async def execute(self, context, event_queue):
        task = context.current_task
        is_new = task is None
        if is_new:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        if is_new:
            question = updater.new_agent_message([new_text_part("Which parcel number is it?")])
            await updater.requires_input(question)
        else:
            die_once()
            await updater.add_artifact([new_text_part("It is on its way.")], name="answer")
            await updater.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


version = sys.argv[2] if len(sys.argv) > 2 else "1.0"
card = AgentCard(
    name="Parcels",
    description="Finds parcels",
    version="7",
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    skills=[AgentSkill(id="find", name="find", description="Finds a parcel", tags=["parcels"])],
    supported_interfaces=[
        AgentInterface(url=f"http://localhost:{PORT}/rpc", protocol_binding="JSONRPC", protocol_version=version)
    ],
)
handler = DefaultRequestHandler(agent_executor=Parcels(), task_store=InMemoryTaskStore(), agent_card=card)
routes = create_agent_card_routes(card) + create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True)
uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=PORT, log_level="warning")

"""An MCP server on the official SDK: `python3 mcp_tools.py` on stdin and stdout, `python3 mcp_tools.py PORT` as streamable HTTP."""

import os
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("parcels")


@server.tool()
def find_parcel(number: str) -> str:
    """Says where a parcel is."""
    mark = os.environ.get("DIE_ONCE")
    if mark and not os.path.exists(mark):
        open(mark, "w").close()
        print("fatal: out of parcels", file=sys.stderr, flush=True)
        os._exit(9)
    if number != "4711":
        raise ValueError(f"there is no parcel {number}")
    return "on its way"


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run()

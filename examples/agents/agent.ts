// An agent for `cmd:node agent.ts`: a line of JSON in, a line of JSON out, one process for each conversation.
// Node runs it as it is from version 22.18 on; older ones need it compiled: `tsc agent.ts`.

import { createInterface } from "node:readline";

interface Asked {
  session_id: string;
  turn: number;
  message: string;
  messages: { role: string; content: string | null }[];
  context: Record<string, unknown>;
}

interface Answer {
  reply: string;
  end?: boolean;
}

function answer(asked: Asked): Answer {
  if (!asked.message.includes("4711")) {
    return { reply: "Which parcel number is it?" };
  }
  return { reply: "It is on its way." };
}

createInterface({ input: process.stdin }).on("line", (line: string) => {
  console.log(JSON.stringify(answer(JSON.parse(line) as Asked)));
});

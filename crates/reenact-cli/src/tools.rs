//! The options that say where the agent's tools come from.

use clap::ValueEnum;
use reenact::Result;
use reenact::agent::{self, OnMiss, ToolMocks};

/// Where tools come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The session that the case comes from
    Recorded,
}

#[derive(Debug, Default, clap::Args)]
#[group(id = "tools_of_the_recording", multiple = true)]
pub(crate) struct Args {
    /// Hand the agent tools that answer as they did in the recording, in place of a back end; see docs/tools.md
    #[arg(long, value_enum, value_name = "FROM")]
    tools: Option<Source>,
    /// What becomes of a call that the recording does not answer: fail, invalid, nearest or ask:MODEL
    #[arg(long, value_name = "HOW", default_value = "fail", requires = "tools")]
    tool_miss: OnMiss,
    /// Arguments that do not count when calls are compared, such as request_id or TOOL.request_id
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "tools")]
    tool_ignore: Vec<String>,
}

impl Args {
    /// How this agent's tools are answered, if they are.
    pub(crate) fn mocks(&self, agent: &str) -> Result<Option<ToolMocks>> {
        if self.tools.is_none() {
            return Ok(None);
        }
        agent::check_takes_tools(agent)?;
        Ok(Some(ToolMocks { on_miss: self.tool_miss.clone(), ignore: self.tool_ignore.clone() }))
    }
}

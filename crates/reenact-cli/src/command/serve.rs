//! `reenact serve`: the pages, the API and what else listens at the same address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use reenact::import::receiver::Receiver;
use reenact::{Result, Store};

use crate::args::Global;
use crate::runtime::runtime;
use crate::serve::{App, Safety, Settings};
use crate::{exit, output, serve};

/// REEN on a telephone's keys.
const PORT: u16 = 7336;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address to listen on; any but this machine's own needs a token
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port to listen on; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// The folder whose suite files may be read and written; nothing outside of it is
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    suites: PathBuf,
    /// Ask everybody for this; one is made up where another machine can reach the address and none is given
    #[arg(long, value_name = "TOKEN", env = "REENACT_TOKEN", hide_env_values = true, value_parser = serve::token)]
    token: Option<String>,
    /// A name under which the address is reached, beside its number and localhost; repeatable
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

/// Waits for the runs that go on, until somebody does not want to wait. Nothing is lost either way.
async fn finish(app: &App) {
    if app.runs_going_on() > 0 {
        output::note("stopping: the calls on their way are waited for (Ctrl-C again to leave at once)");
    }
    tokio::select! {
        () = app.runs_ended() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let safety = Safety::new(args.address, args.token.clone(), &args.hosts);
    let token = safety.token().map(str::to_owned);
    let store = Store::open(&global.store)?;
    let (suites, receiver) = (serve::folder(&args.suites)?, Receiver::start(&store)?);
    let app = App::new(Settings { store, suites, safety, receiver: receiver.clone() });
    runtime()?.block_on(async {
        let listener = serve::listen(SocketAddr::new(args.address, args.port)).await?;
        let address = serve::address_of(&listener)?;
        output::text(&format!("http://{address}/\n"))?;
        if let Some(token) = token.filter(|token| args.token.as_ref() != Some(token)) {
            output::note(format_args!("the token to log in with: {token}"));
        }
        output::note("Ctrl-C stops");
        serve::serve(listener, app.clone(), tokio::signal::ctrl_c()).await?;
        finish(&app).await;
        // What was sent last is not quiet yet, and nobody is there any more to read it later.
        receiver.settle().await
    })?;
    Ok(exit::PASSED)
}

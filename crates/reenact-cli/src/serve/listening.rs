//! Listening at an address, connection by connection, until the program is to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use reenact::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{App, router};

/// A person's browser opens six; more than this is somebody who means harm or has a leak.
const CONNECTIONS_MAX: usize = 512;
/// A browser sends the head of a request at once.
const HEAD_WAIT: Duration = Duration::from_secs(15);
/// After Ctrl-C, what is being answered is given so long.
const LEAVE_WAIT: Duration = Duration::from_secs(3);

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|source| {
        let hint = "another program may be listening there; name another port with `--port`, or 0 for any that is free";
        Error::new(ErrorKind::Usage, format!("nothing can listen on {address}")).hint(hint).caused_by(source)
    })
}

pub(crate) fn address_of(listener: &TcpListener) -> Result<SocketAddr> {
    let unknown =
        |source| Error::new(ErrorKind::Io, "the system does not say on which port it listens").caused_by(source);
    listener.local_addr().map_err(unknown)
}

/// Answers until `end` comes back, and then what is still being asked, for a moment.
pub(crate) async fn serve<E>(listener: TcpListener, app: App, end: impl Future<Output = E>) -> Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (router, graceful) = (router(app.clone()), GracefulShutdown::new());
    let mut end = std::pin::pin!(end);
    loop {
        let place = connections.clone().acquire_owned();
        let stream = tokio::select! {
            _ = &mut end => break,
            accepted = async { (place.await, listener.accept().await) } => match accepted {
                (Ok(place), Ok((stream, _))) => (place, stream),
                // A connection that broke before it was one, or no file left for it: the next may do better.
                _ => { tokio::time::sleep(Duration::from_millis(10)).await; continue }
            },
        };
        let (place, stream) = stream;
        let _ = stream.set_nodelay(true);
        let connection = connection(stream, router.clone(), &graceful);
        tokio::spawn(async move { (connection.await, drop(place)) });
    }
    app.close();
    // Whoever does not come to an end is cut off.
    let _ = tokio::time::timeout(LEAVE_WAIT, async { tokio::join!(graceful.shutdown(), at_rest(&app)) }).await;
    Ok(())
}

/// One connection, from its first request to its last. What goes wrong with it is the other side's to know.
fn connection<S>(stream: S, router: Router, graceful: &GracefulShutdown) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).into_owned();
    let watched = graceful.watch(connection);
    async move {
        let _ = watched.await;
    }
}

async fn at_rest(app: &App) {
    while app.tasks().are_going() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

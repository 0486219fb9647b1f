//! The smallest program that makes the calls: all conversations at once, one call after another in each, nothing recorded.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::task::JoinSet;

use crate::{Result, request};

/// One call of a conversation.
struct Call {
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Holds so many conversations of the calls that were kept.
pub(crate) fn hold(keep: &Path, address: &str, conversations: usize) -> Result<()> {
    let calls: Arc<Vec<Call>> = Arc::new(kept(keep, address)?);
    let client = client()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut held: JoinSet<Result<()>> =
            (0..conversations).map(|_| conversation(client.clone(), Arc::clone(&calls))).collect();
        while let Some(conversation) = held.join_next().await {
            conversation??;
        }
        Ok(())
    })
}

/// Set up as `reenact` sets up its own.
fn client() -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
    let builder = builder.connect_timeout(Duration::from_secs(10)).pool_idle_timeout(Duration::from_secs(4));
    Ok(builder.build()?)
}

async fn conversation(client: Client, calls: Arc<Vec<Call>>) -> Result<()> {
    for Call { url, headers, body } in calls.iter() {
        let request = client.post(url.clone()).headers(headers.clone()).body(body.clone());
        request.send().await?.error_for_status()?.bytes().await?;
    }
    Ok(())
}

/// The calls of one conversation, in the order in which they were made.
fn kept(keep: &Path, address: &str) -> Result<Vec<Call>> {
    let mut files = std::fs::read_dir(keep)?.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    files.iter().map(|file| call(&std::fs::read(file)?, address)).collect()
}

fn call(bytes: &[u8], address: &str) -> Result<Call> {
    let (head, end) = request::ends(bytes).ok_or("a kept request is not whole")?;
    let header =
        |(name, value): (&str, &str)| Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?));
    let url = Url::parse(address)?.join(request::path(&bytes[..head]))?;
    let headers = request::headers(&bytes[..head]).map(header).collect::<Result<HeaderMap>>()?;
    Ok(Call { url, headers, body: bytes[head..end].to_vec() })
}

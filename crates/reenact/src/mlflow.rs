//! A tracking server of MLflow, over its REST interface: sessions from it, datasets both ways. Runs go to it as exports do.
//!
//! ```no_run
//! use reenact::mlflow::{self, Server, Sessions};
//! use reenact::{Environment, Store};
//!
//! # async fn example() -> reenact::Result<()> {
//! let server = Server::open(Some("http://localhost:5000"), &Environment::of_process())?;
//! let store = Store::temporary()?;
//! let wanted = Sessions { experiment: "support".into(), ..Sessions::default() };
//! let imported = mlflow::import(&server, &wanted, &store, &mut |_| {}).await?;
//! println!("{} new sessions", imported.sessions_new);
//! # Ok(())
//! # }
//! ```

pub use datasets::{Written, dataset_exists, dataset_name, read_suite, write_suite};
pub(crate) use experiment::or_created;
pub use server::Server;
pub(crate) use server::{Ask, ServerFault};
pub use sessions::{Sessions, import};

mod datasets;
mod experiment;
mod pages;
mod server;
mod sessions;
mod spans;

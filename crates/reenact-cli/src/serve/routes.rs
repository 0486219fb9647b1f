//! The one table of routes: what is answered at an address, and what the published description says of it.
//!
//! A route cannot be added without its entry, because nothing else here makes one.

use std::future::Future;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn;
use axum::response::Html;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Json, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::App;
use super::fault::Fault;
use super::page::{At, rendered};
use super::safety;

/// What a route gives, or why not.
pub(super) type Answer<T> = Result<T, Fault>;

/// A schema, once there is a generator that it is of.
type Described = fn(&mut SchemaGenerator) -> Schema;

/// Routes with their entries.
pub(super) struct Routes {
    router: Router<App>,
    entries: Vec<Entry>,
}

/// What the description of the API says of a route.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) about: &'static str,
    pub(super) in_path: Option<Described>,
    pub(super) in_query: Option<Described>,
    pub(super) takes: Vec<Content>,
    pub(super) gives: Vec<Content>,
}

/// What is sent or answered: its media type, and its schema where it has one.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) media: &'static str,
    pub(super) schema: Option<Described>,
}

impl Content {
    pub(super) fn json<T: JsonSchema>() -> Content {
        Content { media: "application/json", schema: Some(SchemaGenerator::subschema_for::<T>) }
    }

    /// Something that JSON Schema has no words for.
    pub(super) fn of(media: &'static str) -> Content {
        Content { media, schema: None }
    }
}

impl Entry {
    /// What is done where, in a sentence without a full stop.
    pub(super) fn new(method: Method, path: impl Into<String>, about: &'static str) -> Entry {
        let path = path.into();
        Entry { method, path, about, in_path: None, in_query: None, takes: Vec::new(), gives: Vec::new() }
    }

    /// What stands in braces in the path.
    pub(super) fn in_path<P: JsonSchema>(mut self) -> Entry {
        self.in_path = Some(|generator| P::json_schema(generator));
        self
    }

    pub(super) fn in_query<Q: JsonSchema>(mut self) -> Entry {
        self.in_query = Some(|generator| Q::json_schema(generator));
        self
    }

    pub(super) fn takes(mut self, content: Content) -> Entry {
        self.takes.push(content);
        self
    }

    pub(super) fn gives(mut self, content: Content) -> Entry {
        self.gives.push(content);
        self
    }
}

impl Routes {
    pub(super) fn new() -> Routes {
        Routes { router: Router::new(), entries: Vec::new() }
    }

    pub(super) fn and(mut self, more: Routes) -> Routes {
        self.entries.extend(more.entries);
        Routes { router: self.router.merge(more.router), entries: self.entries }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn into_router(self) -> Router<App> {
        self.router
    }

    /// A page at `path`, and the value that it shows as JSON at `/api` and that path. `P` is what stands in the braces of the path, `Q` the query; `()` where
    /// there is none.
    pub(super) fn shown<P, Q, T, F, R>(
        self,
        path: &'static str,
        template: &'static str,
        about: &'static str,
        work: F,
    ) -> Routes
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + Send,
        F: Fn(App, P, Q) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Answer<T>> + Send + 'static,
    {
        let show = work.clone();
        let page = move |State(app): State<App>, at: At, asked: Asked<P, Q>| async move {
            let value = show(app.clone(), asked.path, asked.query).await?;
            Ok::<Html<String>, Fault>(rendered(&app, &at, template, &value))
        };
        let mut routes = self.get(&format!("/api{path}"), about, work);
        let page = on(MethodFilter::GET, page).layer(from_fn(safety::within_time));
        routes.router = routes.router.route(path, page);
        routes
    }

    /// A value as JSON, without a page of its own.
    pub(super) fn get<P, Q, T, F, R>(self, path: &str, about: &'static str, work: F) -> Routes
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + Send,
        F: Fn(App, P, Q) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Answer<T>> + Send + 'static,
    {
        let answer = move |State(app): State<App>, asked: Asked<P, Q>| async move {
            work(app, asked.path, asked.query).await.map(Json)
        };
        let entry = Entry::new(Method::GET, path, about).in_path::<P>().in_query::<Q>().gives(Content::json::<T>());
        self.raw(entry, answer)
    }

    /// Something that changes: `B` is what is sent as JSON.
    pub(super) fn change<P, B, T, F, R>(self, method: Method, path: &str, about: &'static str, work: F) -> Routes
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + Send,
        F: Fn(App, P, B) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Answer<T>> + Send + 'static,
    {
        let answer = move |State(app): State<App>, asked: Asked<P, ()>, sent: Result<Json<B>, JsonRejection>| async move {
            let Json(sent) = sent.map_err(|rejection| Fault::new(rejection.status(), rejection.body_text()))?;
            work(app, asked.path, sent).await.map(Json)
        };
        let entry =
            Entry::new(method, path, about).in_path::<P>().takes(Content::json::<B>()).gives(Content::json::<T>());
        self.raw(entry, answer)
    }

    /// A route whose handler reads and answers by itself: a stream, an upload, another protocol.
    pub(super) fn raw<H: Handler<X, App>, X: 'static>(self, entry: Entry, handler: H) -> Routes {
        let filter = MethodFilter::try_from(entry.method.clone()).expect("a route has one of the nine methods");
        self.routed(entry, on(filter, handler))
    }

    /// The same for whatever takes as long and sends as much as its handler lets it.
    pub(super) fn streamed<H: Handler<X, App>, X: 'static>(mut self, entry: Entry, handler: H) -> Routes {
        let filter = MethodFilter::try_from(entry.method.clone()).expect("a route has one of the nine methods");
        self.router = self.router.route(&entry.path, on(filter, handler).layer(DefaultBodyLimit::disable()));
        self.entries.push(entry);
        self
    }

    fn routed(mut self, entry: Entry, route: MethodRouter<App>) -> Routes {
        self.router = self.router.route(&entry.path, route.layer(from_fn(safety::within_time)));
        self.entries.push(entry);
        self
    }
}

/// What an address asks: the values in its path and its query.
pub(super) struct Asked<P, Q> {
    path: P,
    query: Q,
}

impl<P: DeserializeOwned + Send, Q: DeserializeOwned + Send> FromRequestParts<App> for Asked<P, Q> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, app: &App) -> Answer<Self> {
        let in_path = |rejection: PathRejection| Fault::new(rejection.status(), rejection.body_text());
        let in_query = |rejection: QueryRejection| Fault::new(StatusCode::BAD_REQUEST, rejection.body_text());
        let Path(path) = Path::from_request_parts(parts, app).await.map_err(in_path)?;
        let Query(query) = Query::from_request_parts(parts, app).await.map_err(in_query)?;
        Ok(Asked { path, query })
    }
}

//! The wire: a listener whose connections can be reset, and the way of a request through the world.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::call::{Answer, Call};
use crate::clock::now_ms;
use crate::fault::Action;
use crate::settings::Settings;
use crate::world::World;

const BODY_LIMIT: usize = 16 << 20;

/// What the handlers, the admin API and the library's methods share.
pub(crate) struct Shared {
    world: Mutex<World>,
    /// The settings that a reset goes back to.
    pub(crate) initial: Settings,
    /// Number of calls that ended, for those who wait for the next.
    pub(crate) ended: watch::Sender<usize>,
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            world: Mutex::new(World::new(settings.clone())),
            initial: settings,
            ended: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // Where a handler panicked, what it left is still the best record of what happened.
        self.world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) async fn until_stopping(&self) {
        // The sender lives as long as this; an error can't come.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    pub(crate) fn reset(&self) {
        self.world().reset(self.initial.clone());
        self.ended.send_replace(0);
    }
}

/// Serves one call to a played system.
pub(crate) async fn upstream(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<ResetHandle>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return (
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or broke off",
        )
            .into_response();
    };
    let call = Call::new(parts, body);
    let arrived = shared.world().arrive(now_ms(), &call);
    if arrived.decision.action == Action::Hang {
        shared.world().finish(now_ms(), &arrived, None, None);
        shared.ended.send_modify(|ended| *ended += 1);
        shared.until_stopping().await;
        return connection.reset();
    }
    // In a task of its own, so that a client that gives up doesn't undo what a real system would go on doing.
    let serving = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(arrived.decision.latency_ms)).await;
        let now_ms = now_ms();
        let mut world = shared.world();
        let answer = match arrived.decision.action {
            Action::Reset => {
                world.finish(now_ms, &arrived, None, None);
                None
            }
            Action::AnswerLost => {
                let done = world.serve(now_ms, &call, &arrived);
                world.finish(now_ms, &arrived, None, done.result_id);
                None
            }
            _ => {
                let mut answer = world.serve(now_ms, &call, &arrived);
                let result_id = answer.result_id.clone();
                world.finish(now_ms, &arrived, Some(&mut answer), result_id);
                Some(answer)
            }
        };
        drop(world);
        shared.ended.send_modify(|ended| *ended += 1);
        answer.map(|answer| response(answer, arrived.decision.action == Action::Malformed))
    });
    match serving.await {
        Ok(Some(response)) => response,
        Ok(None) | Err(_) => connection.reset(),
    }
}

fn response(answer: Answer, is_malformed: bool) -> Response {
    let mut body = answer.body.map(|body| body.to_string());
    if is_malformed {
        // Cut off in the middle, as by a broken proxy.
        body = Some(body.map_or_else(
            || "{".to_owned(),
            |body| body.chars().take(body.len() / 2).collect(),
        ));
    }
    let has_body = body.is_some();
    let mut response = Response::new(body.map_or_else(Body::empty, Body::from));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if has_body {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Lets a handler reset the connection that its request came by.
#[derive(Clone)]
pub(crate) struct ResetHandle(Arc<AtomicBool>);

impl ResetHandle {
    /// Nothing of the response that this returns goes out: the connection is reset at the first byte.
    fn reset(&self) -> Response {
        self.0.store(true, Ordering::Relaxed);
        Response::new(Body::empty())
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ResetHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        Self(Arc::clone(&stream.io().is_reset))
    }
}

pub(crate) struct ResettableListener(pub(crate) TcpListener);

impl Listener for ResettableListener {
    type Io = Resettable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Resettable, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small and a client waits for each.
        let _ = stream.set_nodelay(true);
        (
            Resettable {
                stream,
                is_reset: Arc::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that answers its first write after a reset with an error, whereupon the server drops it.
pub(crate) struct Resettable {
    stream: TcpStream,
    is_reset: Arc<AtomicBool>,
}

impl Resettable {
    fn check(&self) -> io::Result<()> {
        if !self.is_reset.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Without lingering, closing sends RST in place of FIN.
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

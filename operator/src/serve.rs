//! What the operator answers over HTTP: `/livez`, `/readyz` and `/metrics`.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// What is answered from.
pub trait State: Send + Sync + 'static {
    /// Whether the operator could deal with a scenario now, or would if it were its turn.
    fn is_ready(&self) -> bool;
    /// What is counted.
    fn metrics(&self) -> String;
}

/// Listens, before anything is promised.
///
/// # Errors
/// When the address cannot be had.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers for ever. That an answer comes at all is what `/livez` says: it is given by the threads that do the work.
pub async fn serve(listener: TcpListener, state: Arc<impl State>) {
    loop {
        let connection = match listener.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                // Too many open files, as a rule: whoever holds them may let go of some.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &*state);
                async { Ok::<_, Infallible>(answer) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
}

fn answer(request: &Request<Incoming>, state: &impl State) -> Response<Full<Bytes>> {
    let text = |status, type_: &'static str, text: String| {
        let answer = Response::builder().status(status).header(CONTENT_TYPE, type_);
        answer.body(Full::new(Bytes::from(text))).expect("a status and a header are an answer")
    };
    let plain = "text/plain; charset=utf-8";
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, plain, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, plain, "ok\n".to_owned()),
        "/readyz" if state.is_ready() => text(StatusCode::OK, plain, "ok\n".to_owned()),
        "/readyz" => {
            let awaited = "the cluster has not been seen as a whole yet\n";
            text(StatusCode::SERVICE_UNAVAILABLE, plain, awaited.to_owned())
        }
        "/metrics" => text(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            state.metrics(),
        ),
        _ => text(StatusCode::NOT_FOUND, plain, "there are /livez, /readyz and /metrics\n".to_owned()),
    }
}

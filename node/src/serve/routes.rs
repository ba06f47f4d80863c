//! Which request is answered by what.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, stream};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Frame,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use percent_encoding::percent_decode_str;
use tokio::{
    fs::File,
    io::AsyncReadExt as _,
    sync::{Notify, watch},
};

use super::{metrics, pulse::Beat, status::Status};

/// A beat that is older than that is none.
const ALIVE: Duration = Duration::from_secs(10);

/// Bytes of a file that are in memory at a time.
const CHUNK: usize = 64 << 10;

const TEXT: &str = "text/plain; charset=utf-8";

/// What an answer holds.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What requests are answered from.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    pub(super) status: watch::Receiver<Status>,
    pub(super) beats: watch::Receiver<Beat>,
    /// Told when the files of the run are not needed any more.
    pub(super) collected: Arc<Notify>,
    /// Set when the run is to end where it is.
    pub(super) stopped: Arc<AtomicBool>,
    /// Whether this is a process of peers: it has no run to tell of, and nothing to be collected.
    pub(super) is_process: bool,
}

impl Sources {
    /// Answers a request. What it may hold besides its head is not read.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let path = request.uri().path();
        let is_order = matches!(path, "/collected" | "/stop");
        let wanted = if is_order { &[Method::POST][..] } else { &[Method::GET, Method::HEAD] };
        let file = path.strip_prefix("/report/").filter(|_| !self.is_process);
        let is_known = match path {
            "/livez" | "/readyz" | "/metrics" => true,
            "/status" | "/collected" | "/stop" => !self.is_process,
            _ => file.is_some(),
        };
        if !is_known {
            return word(StatusCode::NOT_FOUND, "there is nothing here");
        }
        if !wanted.contains(request.method()) {
            let mut answer = word(StatusCode::METHOD_NOT_ALLOWED, "this is no way to ask for it");
            let allow = if is_order { "POST" } else { "GET, HEAD" };
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
            return answer;
        }
        match path {
            "/livez" => self.livez(),
            "/readyz" => self.readyz(),
            "/metrics" => {
                let text = metrics::text(&self.status.borrow(), &self.beats.borrow());
                whole(StatusCode::OK, metrics::MEDIA_TYPE, text)
            }
            "/status" => whole(StatusCode::OK, "application/json", self.status.borrow().json()),
            "/collected" => self.collected(),
            "/stop" => self.stop(),
            _ => self.file(file.unwrap_or_default()).await,
        }
    }

    fn livez(&self) -> Response<Body> {
        let ago = self.beats.borrow().at.elapsed();
        if ago < ALIVE {
            return word(StatusCode::OK, "alive");
        }
        let told = format!("the event loop has not turned for {} s", ago.as_secs());
        word(StatusCode::SERVICE_UNAVAILABLE, &told)
    }

    fn readyz(&self) -> Response<Body> {
        if self.status.borrow().is_ready {
            word(StatusCode::OK, "ready")
        } else {
            word(StatusCode::SERVICE_UNAVAILABLE, "not ready yet")
        }
    }

    fn collected(&self) -> Response<Body> {
        if !self.status.borrow().is_over() {
            return word(StatusCode::CONFLICT, "the run is not over");
        }
        self.collected.notify_one();
        word(StatusCode::OK, "the program ends")
    }

    fn stop(&self) -> Response<Body> {
        if self.status.borrow().is_over() {
            return word(StatusCode::CONFLICT, "the run is over");
        }
        self.stopped.store(true, Ordering::Relaxed);
        word(StatusCode::ACCEPTED, "the run ends, and its report so far follows")
    }

    /// A file of the run folder. Only what the run has written is there: a path is looked up in its list, and never followed.
    async fn file(&self, asked: &str) -> Response<Body> {
        let (path, name) = {
            let status = self.status.borrow();
            let decoded = percent_decode_str(asked).decode_utf8().ok();
            match decoded.and_then(|name| status.files.names.get(&*name)) {
                Some(name) => (status.files.place.join(name), name.clone()),
                None => return word(StatusCode::NOT_FOUND, "the run has no such file, or is not over"),
            }
        };
        let opened = async {
            let file = File::open(&path).await?;
            let len = file.metadata().await?.len();
            io::Result::Ok((file, len))
        };
        match opened.await {
            Ok((file, len)) => {
                let body = StreamBody::new(chunks(file)).boxed_unsync();
                let mut answer = respond(StatusCode::OK, media_type(&name), body);
                answer.headers_mut().insert(CONTENT_LENGTH, len.into());
                answer
            }
            Err(error) => word(StatusCode::INTERNAL_SERVER_ERROR, &format!("it cannot be read: {error}")),
        }
    }
}

fn respond(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // What a scenario has named is not to be taken for a page of ours.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn whole(status: StatusCode, media_type: &'static str, text: String) -> Response<Body> {
    respond(status, media_type, Full::from(text).map_err(|never| match never {}).boxed_unsync())
}

fn word(status: StatusCode, word: &str) -> Response<Body> {
    whole(status, TEXT, format!("{word}\n"))
}

/// A file, a part at a time.
fn chunks(file: File) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
    })
}

/// The media type of a file of a run, by the ending of its name.
fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("csv") => "text/csv; charset=utf-8",
        Some("yaml") => "application/yaml",
        _ => "application/octet-stream",
    }
}

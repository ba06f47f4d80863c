//! What a conductor is asked, over HTTP within the cluster: how far it is, and for its report.

use std::{net::IpAddr, time::Duration};

use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use peerlab_scenarios::report::Progress;

/// How long an answer to a question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a file may take.
const FILE_PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer to a question.
const ANSWER_BYTES: usize = 64 << 10;

/// The largest file that is fetched. It is held in memory for a moment.
const FILE_BYTES: usize = 16 << 20;

/// Why a conductor's answer is none.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answered.
    #[error("{0}: {1}")]
    Unreachable(Uri, String),
    /// Nobody answered in time.
    #[error("{0}: no answer within {1:?}")]
    Late(Uri, Duration),
    /// What was answered is not what was asked for.
    #[error("{0}: {1}")]
    Answer(Uri, String),
}

/// Asks conductors.
#[derive(Clone, Debug)]
pub struct Asker {
    client: Client<HttpConnector, Empty<Bytes>>,
    port: u16,
}

impl Asker {
    /// For conductors that answer at `port`.
    #[must_use]
    pub fn new(port: u16) -> Self {
        // Connections are not kept: a conductor is asked every few seconds at the most, and its address is another pod's afterwards.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, port }
    }

    /// How far the conductor is.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn progress(&self, address: IpAddr) -> Result<Progress, AskError> {
        let (uri, answer) = self.ask(Method::GET, address, "/status", PATIENCE, ANSWER_BYTES).await?;
        serde_json::from_slice(&answer).map_err(|error| AskError::Answer(uri, error.to_string()))
    }

    /// A file of its run folder.
    ///
    /// # Errors
    /// When there is no such file, when it is larger than 16 MiB, or when it does not come.
    pub async fn file(&self, address: IpAddr, name: &str) -> Result<Bytes, AskError> {
        let path = format!("/report/{name}");
        self.ask(Method::GET, address, &path, FILE_PATIENCE, FILE_BYTES).await.map(|(_, body)| body)
    }

    /// Tells it that its report is kept, so that it ends.
    ///
    /// # Errors
    /// When it does not hear it; it ends by itself then, in time.
    pub async fn release(&self, address: IpAddr) -> Result<(), AskError> {
        self.ask(Method::POST, address, "/collected", PATIENCE, ANSWER_BYTES).await.map(|_| ())
    }

    /// Tells it to end its run where it is, and to report on what there was of it.
    ///
    /// # Errors
    /// When it does not hear it, or when its run is over.
    pub async fn stop(&self, address: IpAddr) -> Result<(), AskError> {
        self.ask(Method::POST, address, "/stop", PATIENCE, ANSWER_BYTES).await.map(|_| ())
    }

    async fn ask(
        &self,
        method: Method,
        address: IpAddr,
        path: &str,
        patience: Duration,
        most: usize,
    ) -> Result<(Uri, Bytes), AskError> {
        let authority = std::net::SocketAddr::new(address, self.port);
        let uri: Uri =
            format!("http://{authority}{path}").parse().expect("an address and a plain path are a URI");
        let request = Request::builder()
            .method(method)
            .uri(uri.clone())
            .body(Empty::new())
            .expect("a method and a URI are a request");
        let answered = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| AskError::Unreachable(uri.clone(), chain(&error)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), most).collect().await;
            let body = body.map_err(|error| AskError::Answer(uri.clone(), error.to_string()))?.to_bytes();
            if status == StatusCode::OK || status == StatusCode::NO_CONTENT || status == StatusCode::ACCEPTED
            {
                Ok(body)
            } else {
                let text: String = String::from_utf8_lossy(&body).trim().chars().take(200).collect();
                Err(AskError::Answer(uri.clone(), format!("{status} {text}")))
            }
        };
        match tokio::time::timeout(patience, answered).await {
            Ok(answer) => answer.map(|body| (uri, body)),
            Err(_) => Err(AskError::Late(uri, patience)),
        }
    }
}

/// An error with what it came from: a client's own message says only that it could not connect.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

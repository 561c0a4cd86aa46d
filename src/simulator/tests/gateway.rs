//! The server: answers as a test says and keeps what it was asked.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

pub(super) type Reply = Response<Full<Bytes>>;
type Answer = dyn Fn(&Parts, usize) -> Reply + Send + Sync;

pub(super) struct Gateway {
    pub url: String,
    inner: Arc<Inner>,
    _accepting: AbortOnDropHandle<()>,
}

struct Inner {
    answer: Box<Answer>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
}

#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub method: String,
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Which connection it came on.
    pub connection: usize,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Gateway {
    /// `answer` gets the request and how many came before it.
    pub(super) async fn start(
        answer: impl Fn(&Parts, usize) -> Reply + Send + Sync + 'static,
    ) -> Gateway {
        Gateway::start_with(answer, None).await
    }

    pub(super) async fn start_with(
        answer: impl Fn(&Parts, usize) -> Reply + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/p/", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            answer: Box::new(answer),
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&inner);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst);
                let (inner, tls) = (Arc::clone(&accepting), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => inner.serve(stream, number).await,
                        Some(tls) => {
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                inner.serve(stream, number).await;
                            }
                        }
                    }
                });
            }
        });
        Gateway { url, inner, _accepting: AbortOnDropHandle::new(accepting) }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

impl Inner {
    async fn serve<S>(self: Arc<Inner>, stream: S, connection: usize)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let service = service_fn(move |request: Request<Incoming>| {
            let inner = Arc::clone(&self);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let asked = Asked {
                    method: head.method.to_string(),
                    path: head.uri.to_string(),
                    version: head.version,
                    headers: head.headers.clone(),
                    body,
                    connection,
                };
                let before = {
                    let mut all = inner.asked.lock().unwrap();
                    all.push(asked);
                    all.len() - 1
                };
                Ok::<_, Infallible>((inner.answer)(&head, before))
            }
        });
        // A phone that goes away is part of some tests.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

pub(super) fn status(code: u16) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::from_u16(code).unwrap();
    reply
}

pub(super) fn ok(body: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(body.into()))
}

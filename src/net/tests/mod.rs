//! Servers on port 0, asked over real sockets.

mod http;
mod limits;
mod places;
mod proxy_protocol;
mod tls;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use super::body::{self, BodyReader};
use super::tls::Tls;
use super::{Handler, Limits, ListenerOptions, Networks, Peer, Server, bind};

/// Answers by path; `/hold` says that it began and waits to be let go.
struct Probe {
    began: mpsc::UnboundedSender<()>,
    release: Semaphore,
}

impl Handler for Probe {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Full<Bytes>> {
        let text = match request.uri().path() {
            "/hold" => {
                self.began.send(()).unwrap();
                self.release.acquire().await.unwrap().forget();
                "held".to_owned()
            }
            "/panic" => panic!("asked to"),
            "/panic-later" => {
                tokio::task::yield_now().await;
                panic!("asked to");
            }
            "/large" => "x".repeat(8 * 1024 * 1024),
            "/agent" => format!("{:?}", request.headers()["user-agent"].as_bytes()),
            "/echo" => {
                let mut reader = BodyReader::new(request.into_body());
                reader.read_up_to(100_000).await.unwrap();
                return Response::new(Full::new(reader.into_bytes()));
            }
            "/body" => {
                let mut reader = BodyReader::new(request.into_body());
                match reader.read_up_to(10).await {
                    Ok(true) => format!("{} bytes", reader.into_bytes().len()),
                    Ok(false) => {
                        reader.pass_over(80).await;
                        "more than 10 bytes".to_owned()
                    }
                    Err(error) => error.to_string(),
                }
            }
            "/discard" => {
                body::discard(request, 10).await;
                "discarded".to_owned()
            }
            "/file" => {
                peer.standing.of_use();
                "a file".to_owned()
            }
            "/who" => format!("{:?} {:?}", peer.address.ip(), peer.tls),
            _ => "hello".to_owned(),
        };
        Response::new(Full::new(Bytes::from(text)))
    }

    fn malformed(&self, reason: &'static str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(reason.as_bytes())));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }

    fn fault(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

/// A server with a [`Probe`] on one port.
struct Running {
    server: Server,
    probe: Arc<Probe>,
    began: mpsc::UnboundedReceiver<()>,
    address: SocketAddr,
}

impl Running {
    fn start(limits: Limits) -> Running {
        Running::start_on((Ipv4Addr::LOCALHOST, 0).into(), limits, ListenerOptions::new(None))
    }

    fn start_on(address: SocketAddr, limits: Limits, options: ListenerOptions) -> Running {
        let server = Server::new(limits, 1);
        let (sender, began) = mpsc::unbounded_channel();
        let probe = Arc::new(Probe { began: sender, release: Semaphore::new(0) });
        let bound = bind(address).unwrap();
        let address = bound.local_addr();
        server.serve(bound, options, Arc::clone(&probe)).unwrap();
        Running { server, probe, began, address }
    }

    /// A server that believes proxies on this machine about whose a connection is.
    fn start_behind_proxies(limits: Limits, tls: Option<Arc<Tls>>) -> Running {
        let proxies: Networks = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        let options = ListenerOptions { tls, proxies, proxy_protocol: true };
        Running::start_on((Ipv4Addr::LOCALHOST, 0).into(), limits, options)
    }

    async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Waits until `reached` holds of the counters, which change beside us.
    async fn until(&self, reached: impl Fn(super::Counts) -> bool) {
        let waiting = async {
            while !reached(self.server.counts()) {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(TIMEOUT, waiting).await.is_err() {
            panic!("never reached: {:?}", self.server.counts());
        }
    }
}

/// Longer than anything here takes; only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(20);

fn quick(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A client that sends what it is told, byte for byte.
struct Client<S> {
    stream: S,
    /// Read and not yet part of an answer.
    rest: Vec<u8>,
}

#[derive(Debug, PartialEq)]
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl<S: AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Client<S> {
        Client { stream, rest: Vec::new() }
    }

    async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\n\r\n")).await;
        self.answer(true).await
    }

    /// The next answer; its body as long as `Content-Length` says, or none.
    async fn answer(&mut self, has_body: bool) -> Answer {
        let head = loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.rest.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            assert!(self.more().await.unwrap() > 0, "closed amid the head: {:?}", self.rest);
        };
        let mut answer = Answer { head, body: Vec::new() };
        if has_body {
            let length = answer.header("Content-Length").map_or(0, |n| n.parse().unwrap());
            while self.rest.len() < length {
                assert!(self.more().await.unwrap() > 0, "closed amid the body");
            }
            answer.body = self.rest.drain(..length).collect();
        }
        answer
    }

    /// Reads to the end of the connection; what came before it. A reset is an end too.
    async fn end(&mut self) -> Vec<u8> {
        while let Ok(1..) = self.more().await {}
        std::mem::take(&mut self.rest)
    }

    async fn more(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.rest);
        tokio::time::timeout(TIMEOUT, read).await.expect("the server says something or closes")
    }
}

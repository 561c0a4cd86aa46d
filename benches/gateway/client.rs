//! A client that costs little: a connection, requests on it, answers read to their end.
//! The same is used against both servers.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// What takes longer has failed.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Ends what a server does not. Not for each request of a load, where [`crate::load::run`]
/// sees that it goes on: ten thousand timers are a cost of their own.
pub(crate) async fn patient<T>(asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(TIMEOUT, asking).await.map_err(|_| io::Error::from(ErrorKind::TimedOut))?
}

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Connector {
    address: SocketAddr,
    /// Connection by connection the next one.
    tls: Vec<Arc<rustls::ClientConfig>>,
    /// Connections come from so many loopback addresses.
    sources: u64,
    /// All connections come from this one.
    source: Option<Ipv4Addr>,
}

impl Connector {
    pub(crate) fn plain(address: SocketAddr) -> Connector {
        Connector { address, tls: Vec::new(), sources: 1, source: None }
    }

    pub(crate) fn tls(address: SocketAddr, tls: Vec<Arc<rustls::ClientConfig>>) -> Connector {
        Connector { address, tls, sources: 1, source: None }
    }

    pub(crate) fn with_source_addresses(self, sources: u64) -> Connector {
        Connector { sources, ..self }
    }

    pub(crate) fn coming_from(&self, source: Ipv4Addr) -> Connector {
        Connector { source: Some(source), ..self.clone() }
    }

    /// `number`: which connection, for the choice of certificate and address.
    pub(crate) async fn open(&self, number: u64) -> io::Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::from((source, 0)))?;
        } else if self.sources > 1 {
            let [.., low] = (number % self.sources + 1).to_be_bytes();
            socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, 0, low), 0)))?;
        }
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if self.tls.is_empty() {
            Box::new(stream)
        } else {
            let config = self.tls[number as usize % self.tls.len()].clone();
            let name = ServerName::IpAddress(self.address.ip().into());
            Box::new(TlsConnector::from(config).connect(name, stream).await?)
        };
        Ok(Connection { stream, read: Vec::with_capacity(16 * 1024) })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// What was received and not yet used.
    read: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Get<'a> {
    pub target: &'a str,
    pub agent: &'a str,
    /// The last one of its connection.
    pub close: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut named = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.next().map(|(_, value)| value.trim())
    }
}

/// What the head of an answer says of its size.
struct Extent {
    /// The length of the head in bytes, with the empty line.
    head: usize,
    status: u16,
    /// The length of the body in bytes; `None` when it comes in parts.
    body: Option<usize>,
}

impl Extent {
    /// `None` while the head has not come whole.
    fn of(read: &[u8]) -> io::Result<Option<Extent>> {
        let (mut head, mut status, mut body, mut in_parts) = (0, 0, None, false);
        for line in read.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            let line_began = head;
            head += line.len();
            let line = line.trim_ascii();
            if line.is_empty() {
                if body.is_none() && !in_parts {
                    return Err(bad(format!("no length: {}", text(&read[..head]))));
                }
                return Ok(Some(Extent { head, status, body }));
            }
            if line_began == 0 {
                status = number(line.split(|byte| *byte == b' ').nth(1).unwrap_or_default())?;
            } else if let Some(value) = value_of(line, b"content-length:") {
                body = Some(number(value)?);
            } else if let Some(value) = value_of(line, b"transfer-encoding:") {
                in_parts = value == b"chunked";
            }
        }
        Ok(None)
    }
}

/// The header's value if the line has this name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (before, value) = line.split_at_checked(name.len())?;
    before.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number<N: FromStr>(digits: &[u8]) -> io::Result<N> {
    let parsed = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    parsed.ok_or_else(|| bad(format!("not a number: {:?}", text(digits))))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Get<'_> {
    fn head(&self) -> String {
        let Get { target, agent, close } = self;
        let close = if *close { "Connection: close\r\n" } else { "" };
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {agent}\r\n{close}\r\n")
    }
}

impl Connection {
    pub(crate) async fn get(&mut self, get: &Get<'_>) -> io::Result<Answer> {
        self.send(&get.head()).await?;
        self.answer().await
    }

    /// The answer to a request that is given whole, as it came.
    pub(crate) async fn exchange(&mut self, request: &str) -> io::Result<Vec<u8>> {
        self.send(request).await?;
        let extent = self.extent().await?;
        let length = extent.body.ok_or_else(|| bad("an answer in parts".to_owned()))?;
        self.take(extent.head + length).await
    }

    /// Only the status; the rest is read to its end, and dropped.
    pub(crate) async fn status(&mut self, get: &Get<'_>) -> io::Result<u16> {
        self.send(&get.head()).await?;
        let extent = self.extent().await?;
        match extent.body {
            Some(length) => {
                let all = extent.head + length;
                self.until(all).await?;
                self.read.drain(..all);
            }
            None => {
                self.read.drain(..extent.head);
                self.parts().await?;
            }
        }
        Ok(extent.status)
    }

    /// Asks, and reads the head alone: status, and how many bytes are to come, which
    /// [`Connection::pass_over`] reads.
    pub(crate) async fn begin(&mut self, get: &Get<'_>) -> io::Result<(u16, u64)> {
        self.send(&get.head()).await?;
        let extent = self.extent().await?;
        self.read.drain(..extent.head);
        Ok((extent.status, extent.body.unwrap_or(0) as u64))
    }

    /// Reads some of a body and keeps nothing of it; how many bytes that were.
    pub(crate) async fn pass_over(&mut self) -> io::Result<u64> {
        if self.read.is_empty() {
            self.read.reserve(64 << 10);
            self.more().await?;
        }
        let length = self.read.len();
        self.read.clear();
        Ok(length as u64)
    }

    pub(crate) async fn post(&mut self, target: &str, json: &str) -> io::Result<Answer> {
        let length = json.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{json}",
        );
        self.send(&request).await?;
        self.answer().await
    }

    async fn send(&mut self, request: &str) -> io::Result<()> {
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.flush().await
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let extent = self.extent().await?;
        let head = text(&self.take(extent.head).await?);
        let body = match extent.body {
            Some(length) => self.take(length).await?,
            None => self.parts().await?,
        };
        Ok(Answer { status: extent.status, head, body })
    }

    async fn extent(&mut self) -> io::Result<Extent> {
        loop {
            match Extent::of(&self.read)? {
                Some(extent) => return Ok(extent),
                None => self.more().await?,
            }
        }
    }

    /// The next `length` bytes.
    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        self.until(length).await?;
        Ok(self.read.drain(..length).collect())
    }

    /// A body in parts, without the trailers that none of the servers sends.
    async fn parts(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.read.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().await?,
                }
            };
            let line = self.take(end + 2).await?;
            let length = std::str::from_utf8(&line[..end]).unwrap_or_default();
            let length = usize::from_str_radix(length, 16)
                .map_err(|error| bad(format!("length of a part, {length:?}: {error}")))?;
            let part = self.take(length + 2).await?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&part[..length]);
        }
    }

    /// Reads until there are so many bytes.
    async fn until(&mut self, length: usize) -> io::Result<()> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Says goodbye as TLS wants it.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

fn bad(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

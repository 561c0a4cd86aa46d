//! Makes connections: how many at a time, from which address, with which TLS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::error::ExchangeError;
use super::gateway_url::GatewayUrl;
use super::wire::{Counted, Wire};

/// The way to the targets, shared by a fleet.
#[derive(Debug)]
pub struct Dialer {
    /// The gateways that connections go to, at least one: all serve the same phones.
    targets: Vec<GatewayUrl>,
    permits: Arc<Semaphore>,
    options: DialOptions,
    /// What all connections have put on the wire.
    pub wire: Arc<Wire>,
}

/// How connections are opened, and how long anything may take.
#[derive(Debug, Clone)]
pub struct DialOptions {
    /// Connections open at a time; the phones over it wait, and the wait counts as latency.
    pub connections: usize,
    /// TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an answer may take, from the request to its last byte.
    pub answer_timeout: Duration,
    /// Loopback addresses to come from, phone by phone; 0: the system chooses. One
    /// address has about 28,000 ports to one target, and each stays taken for a minute
    /// after use (TIME_WAIT), so a large storm on one machine needs several.
    pub source_addresses: u32,
    /// Closes with a reset, which leaves no TIME_WAIT behind. No phone does.
    pub reset_on_close: bool,
}

impl Default for DialOptions {
    fn default() -> DialOptions {
        DialOptions {
            connections: 1024,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            source_addresses: 0,
            reset_on_close: false,
        }
    }
}

/// Why no connection can be opened at all.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("there is no target")]
    NoTarget,
    #[error("the targets are to be http:// all, or https:// all")]
    MixedSchemes,
    #[error("source addresses are loopback addresses; the target {0} is none")]
    NotLoopback(IpAddr),
    #[error("at most {MOST_SOURCES} source addresses")]
    TooManySources,
}

/// 127.1.0.1 and up; 127.0.0.0/16 is left to what runs there.
const FIRST_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
const MOST_SOURCES: u32 = 1 << 23;

/// More than the head and body buffers of a configuration's answer need; hyper's own
/// bound is 400 KB, which a large fleet would feel.
const MOST_BUFFER: usize = 64 * 1024;

impl Dialer {
    /// # Errors
    /// [`DialError`] when the source addresses cannot be had.
    pub fn new(targets: Vec<GatewayUrl>, options: DialOptions) -> Result<Dialer, DialError> {
        let has_tls = targets.first().ok_or(DialError::NoTarget)?.tls_name.is_some();
        if targets.iter().any(|target| target.tls_name.is_some() != has_tls) {
            return Err(DialError::MixedSchemes);
        }
        let mut addresses = targets.iter().map(|target| target.address);
        let elsewhere = addresses.find(|own| !own.ip().is_loopback() || own.is_ipv6());
        if let Some(elsewhere) = elsewhere.filter(|_| options.source_addresses > 0) {
            return Err(DialError::NotLoopback(elsewhere.ip()));
        }
        if options.source_addresses > MOST_SOURCES {
            return Err(DialError::TooManySources);
        }
        let permits = Arc::new(Semaphore::new(options.connections));
        Ok(Dialer { targets, permits, options, wire: Arc::default() })
    }

    /// All targets.
    #[must_use]
    pub fn targets(&self) -> &[GatewayUrl] {
        &self.targets
    }

    /// Target number `number`; after the last comes the first.
    #[must_use]
    pub fn target(&self, number: usize) -> &GatewayUrl {
        &self.targets[number % self.targets.len()]
    }

    /// A new connection of phone number `phone` to a target, once there is room for it. `tls` is its
    /// configuration where the targets have TLS.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn dial(
        &self,
        target: &GatewayUrl,
        phone: usize,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Connection, ExchangeError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let connecting = timeout(self.options.connect_timeout, self.connect(target, phone, tls));
        let (sender, driver) = connecting.await.map_err(|_| ExchangeError::ConnectTimeout)??;
        Ok(Connection::new(sender, driver, permit, self.options.answer_timeout))
    }

    async fn connect(
        &self,
        target: &GatewayUrl,
        phone: usize,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<HttpConnection, ExchangeError> {
        let stream = self.tcp(target.address, phone).await.map_err(connect_fault)?;
        self.wire.connections.fetch_add(1, Ordering::Relaxed);
        let stream = Counted::new(stream, Arc::clone(&self.wire));
        let (Some(name), Some(config)) = (&target.tls_name, tls) else {
            return http(stream).await;
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await;
        let stream = stream.map_err(ExchangeError::Tls)?;
        self.wire.handshakes.fetch_add(1, Ordering::Relaxed);
        http(stream).await
    }

    async fn tcp(&self, address: SocketAddr, phone: usize) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if self.options.reset_on_close {
            socket.set_zero_linger()?;
        }
        if let Some(source) = self.source(phone) {
            socket.bind(source)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn source(&self, phone: usize) -> Option<SocketAddr> {
        let count = self.options.source_addresses;
        if count == 0 {
            return None;
        }
        let at = phone % usize::try_from(count).expect("bounded by MOST_SOURCES");
        let at = u32::try_from(at).expect("below a u32");
        Some((Ipv4Addr::from_bits(FIRST_SOURCE.to_bits() + at), 0).into())
    }
}

type HttpConnection = (http1::SendRequest<super::connection::Body>, tokio::task::JoinHandle<()>);

async fn http<S>(stream: S) -> Result<HttpConnection, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::Builder::new().max_buf_size(MOST_BUFFER).handshake(TokioIo::new(stream));
    let (sender, connection) =
        handshake.await.map_err(|error| ExchangeError::Malformed(error.into()))?;
    let driver = tokio::spawn(async move {
        // What went wrong is told to the request that waits for its answer.
        let _ = connection.await;
    });
    Ok((sender, driver))
}

/// What this machine ran out of is not the gateway's fault.
fn connect_fault(error: io::Error) -> ExchangeError {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    let exhausted =
        matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
            || matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
    if exhausted { ExchangeError::Exhausted(error) } else { ExchangeError::Connect(error) }
}

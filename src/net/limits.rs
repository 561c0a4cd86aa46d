//! What one server allows its peers: counts, sizes and times, with the reason of each default.

use std::time::Duration;

/// What happens to a connection from an address that has its share already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverAddressLimit {
    /// Closed without a byte.
    Close,
    /// A plain HTTP peer is told `503` with a `Retry-After` first; it costs one
    /// write that never waits. Over TLS it is closed all the same: a handshake
    /// is what the limit is there to save.
    Say503,
}

/// The limits of one [`super::Server`], shared by all its listeners.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, handshakes included. Default 16,384: about 500 MB
    /// if each had TLS and full buffers. Near it, one that is of no use is closed for each that
    /// comes (`places` says which). Over it nobody is turned away: the
    /// accept loops stop and new connections wait in the kernel's backlog. Each
    /// listener that waits for a connection holds one of the number, so it must
    /// be larger than the number of listeners. The process needs as many
    /// descriptors and some more.
    pub connections: usize,
    /// Connections at a time from one IPv4 address or one IPv6 /64 (what one
    /// subscriber has at least, RFC 6177). Default 2,048: a large site behind
    /// one NAT address boots all its phones at once after a power cut, while
    /// one address still cannot take an eighth of [`Limits::connections`]. At it, the address gives
    /// up one that is of no use for each that comes; who finds none is turned away.
    pub connections_per_address: u32,
    /// How long a connection that was of no use yet keeps its place when places run short. Default
    /// 1 s: a boot has its first file within a few round trips, and 16,384 places that are taken
    /// anew each second are more handshakes than a processor does.
    pub newcomer_grace: Duration,
    /// What becomes of a connection above [`Limits::connections_per_address`].
    pub over_address_limit: OverAddressLimit,
    /// How long it may be from accept to the end of the TLS handshake. Default 10 s: two lost
    /// packets (1 s and 2 s more, RFC 6298) and a slow processor fit in.
    pub tls_handshake: Duration,
    /// How long it may be from the first byte of a request (or from the start of the connection)
    /// to the end of its head. Default 10 s: most heads are one packet.
    pub head: Duration,
    /// How long it may be from the end of the head to the last byte of the response handed to the
    /// kernel, the request's body, however it comes, and a slow reader included. Default 60 s:
    /// 100 KB at 2 KB/s. Over it the connection is cut.
    pub request: Duration,
    /// How long it may be between two requests of a connection. Default 15 s: one boot asks for
    /// its files within seconds; holding thousands of idle phones buys nothing.
    pub idle: Duration,
    /// The request line and all headers, in bytes; at least 8,192. Default
    /// 16,384; longer is answered 431 by the HTTP library. Also bounds the
    /// read buffer.
    pub head_bytes: usize,
    /// Accept control characters in header values, as some handsets send them
    /// (`watch` says which). A request's body stays as it came. Default off.
    pub tolerate_control_chars: bool,
    /// What an accept loop waits after an error such as too few descriptors, and between two
    /// looks for a connection that may be closed. Default 50 ms: long enough not to spin, short
    /// enough to go unnoticed.
    pub accept_pause: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 16_384,
            connections_per_address: 2_048,
            newcomer_grace: Duration::from_secs(1),
            over_address_limit: OverAddressLimit::Say503,
            tls_handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            request: Duration::from_secs(60),
            idle: Duration::from_secs(15),
            head_bytes: 16_384,
            tolerate_control_chars: false,
            accept_pause: Duration::from_millis(50),
        }
    }
}

impl Limits {
    /// The HTTP library takes no smaller buffer than this.
    pub const MIN_HEAD_BYTES: usize = 8_192;
}

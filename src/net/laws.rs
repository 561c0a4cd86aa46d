//! What holds of whatever comes on a connection before anybody looks at the request.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::connection;
use super::proxy_protocol;
use super::shared::Shared;
use super::tls::client_certificate;
use super::watch::Watch;
use super::{Handler, Limits, Peer, Standing};
use crate::domain::{ClientCertificate, steers};

/// What a connection that sends `bytes` and then nothing more is sent.
///
/// # Panics
/// When the handler does.
pub(crate) fn answer<H: Handler>(bytes: &[u8], handler: H) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(async {
        let limits = Limits { tolerate_control_chars: true, ..Limits::default() };
        let shared = Arc::new(Shared::new(limits, 7));
        let watch = Arc::new(Watch::new());
        let address = "192.0.2.1:4711".parse().expect("it is an address");
        let standing = Standing::new(&watch);
        let peer = Peer { address, is_proxys_own: false, tls: None, standing };
        let (mut client, server) = duplex(bytes.len().max(4_096));
        client.write_all(bytes).await.expect("there is room for it");
        client.shutdown().await.expect("it is open");
        let mut answer = Vec::new();
        let served = connection::serve(&shared, server, peer, Arc::new(handler), watch);
        let ((), read) = tokio::join!(served, client.read_to_end(&mut answer));
        read.expect("what was sent can be read");
        assert_eq!(shared.counters.panics.value(), 0, "the handler panicked");
        answer
    })
}

/// A header of the PROXY protocol that is whole is whole without what follows it, and not before.
pub fn proxy_header(bytes: &[u8]) {
    let Ok(Some((length, address))) = proxy_protocol::parse(bytes) else { return };
    assert!((1..=bytes.len()).contains(&length));
    let again = proxy_protocol::parse(&bytes[..length]);
    assert!(matches!(again, Ok(Some(again)) if again == (length, address)));
    for less in [length - 1, length / 2] {
        let cut = proxy_protocol::parse(&bytes[..less]);
        assert!(matches!(cut, Ok(None)), "{less} of {length}: {cut:?}");
    }
}

/// What a certificate names is bounded, and steers no terminal.
pub fn certificate(der: &[u8]) {
    let certificate = client_certificate::read(der, SystemTime::UNIX_EPOCH);
    for shown in certificate.issuer_names().chain(certificate.shown()) {
        assert!((1..=ClientCertificate::MAX_VALUE_BYTES).contains(&shown.len()), "{shown:?}");
        assert!(!shown.chars().any(steers), "{shown:?}");
    }
}

//! What holds of whatever comes on a connection before anybody looks at the request.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

use super::connection;
use super::proxy_protocol;
use super::shared::Shared;
use super::tls::client_certificate;
use super::watch::Watch;
use super::{Handler, Limits, Peer, Standing};
use crate::domain::{ClientCertificate, steers};

/// What a connection that sends `bytes` and then nothing more is sent. They come in pieces of that
/// length, each read before the next one. Nobody waits: time goes on by itself.
///
/// # Panics
/// When the handler does.
pub(crate) fn answer<H: Handler>(bytes: &[u8], length: usize, handler: H) -> Vec<u8> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(async {
        let limits = Limits { tolerate_control_chars: true, ..Limits::default() };
        let shared = Arc::new(Shared::new(limits, 7));
        let watch = Arc::new(Watch::new());
        let address = "192.0.2.1:4711".parse().expect("it is an address");
        let standing = Standing::new(&watch);
        let peer = Peer { address, is_proxys_own: false, tls: None, standing };
        let (client, server) = duplex(1 << 16);
        let (mut receiving, mut sending) = split(client);
        let send = async {
            for piece in bytes.chunks(length) {
                // Who is answered before it has said everything may find the connection closed.
                if sending.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            let _ = sending.shutdown().await;
        };
        let mut answer = Vec::new();
        let serve = connection::serve(&shared, server, peer, Arc::new(handler), watch);
        let (_, read, ()) = tokio::join!(send, receiving.read_to_end(&mut answer), serve);
        read.expect("what was sent can be read");
        assert_eq!(shared.counters.panics.value(), 0, "the handler panicked");
        assert_eq!(shared.counters.timed_out.value(), 0, "it waited for its peer");
        answer
    })
}

/// A header of the PROXY protocol that is whole is whole without what follows it, and not before;
/// and what is none does not become one by what follows.
pub fn proxy_header(bytes: &[u8]) {
    let whole = proxy_protocol::parse(bytes);
    let length = whole.as_ref().ok().and_then(|whole| *whole).map(|(length, _)| length);
    // However it is cut on its way: nobody sends more than this before it is looked at.
    for cut in 1..bytes.len().min(600) {
        let read = proxy_protocol::parse(&bytes[..cut]);
        match (&whole, &read) {
            (Ok(Some(whole)), Ok(Some(read))) => assert!(read == whole && cut >= whole.0),
            (Ok(Some(whole)), Ok(None)) => assert!(cut < whole.0, "{cut} of {}", whole.0),
            (_, Ok(None)) | (Err(_), Err(_)) => {}
            _ => panic!("{cut}: {read:?}, and then {whole:?}"),
        }
    }
    let Ok(Some((_, address))) = whole else { return };
    assert!(length.is_some_and(|length| (1..=bytes.len()).contains(&length)));
    assert!(proxy_protocol::is_header(bytes), "it is known for one where nobody expects it");
    assert!(address.is_none_or(|address| address.ip() == address.ip().to_canonical()));
}

/// What a certificate names is bounded, and steers no terminal.
pub(crate) fn certificate(der: &[u8]) -> ClientCertificate {
    let certificate = client_certificate::read(der, SystemTime::UNIX_EPOCH);
    for shown in certificate.issuer_names().chain(certificate.shown()) {
        assert!((1..=ClientCertificate::MAX_VALUE_BYTES).contains(&shown.len()), "{shown:?}");
        assert!(!shown.chars().any(steers), "{shown:?}");
    }
    certificate
}

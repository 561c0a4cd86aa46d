//! A handset that speaks TLS, and shows a certificate or none.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::http;

pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Trusts `authority`, a PEM file, and nobody else. `None`: the gateway's certificate is
/// of another, or the connection could not be made.
pub(crate) fn connect(
    address: SocketAddr,
    authority: &Path,
    identity: Option<Identity>,
) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    connect_with(address, client(authority, identity))
}

/// What a handset keeps from one connection to the next: whom it trusts, who it is, and the
/// sessions that it can resume.
pub(crate) fn client(authority: &Path, identity: Option<Identity>) -> Arc<ClientConfig> {
    client_of(authority, identity, rustls::DEFAULT_VERSIONS)
}

/// Does as [`client`], for one that speaks those versions only.
pub(crate) fn client_of(
    authority: &Path,
    identity: Option<Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("the authority's file is PEM");
    roots.add(authority).expect("the authority is one");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider has these versions")
        .with_root_certificates(roots);
    Arc::new(match identity {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            config.with_client_auth_cert(chain, key).expect("the key is the certificate's")
        }
    })
}

/// Does as [`connect`], for a handset that came before.
pub(crate) fn connect_with(
    address: SocketAddr,
    client: Arc<ClientConfig>,
) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::IpAddress(address.ip().into());
    let connection = ClientConnection::new(client, name).expect("the settings fit");
    let mut stream = StreamOwned::new(connection, http::connect(address).ok()?);
    stream.conn.complete_io(&mut stream.sock).ok()?;
    Some(stream)
}

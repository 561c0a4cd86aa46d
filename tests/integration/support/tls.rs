//! A handset that speaks TLS, and shows a certificate or none.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::http;

pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Trusts `authority`, a PEM file, and nobody else. `None`: the gateway's certificate is
/// of another, or the connection could not be made.
pub(crate) fn connect(
    address: SocketAddr,
    authority: &Path,
    identity: Option<Identity>,
) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("the authority's file is PEM");
    roots.add(authority).expect("the authority is one");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            config.with_client_auth_cert(chain, key).expect("the key is the certificate's")
        }
    };
    let name = ServerName::IpAddress(address.ip().into());
    let connection = ClientConnection::new(Arc::new(config), name).expect("the settings fit");
    let mut stream = StreamOwned::new(connection, http::connect(address).ok()?);
    stream.conn.complete_io(&mut stream.sock).ok()?;
    Some(stream)
}

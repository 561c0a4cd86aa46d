//! HTTPS with certificates made on the spot.

mod connections;
mod files;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::net::tls::{ClientCertificates, ExpiredCertificates, PairFiles, TlsOptions};

/// An authority, and what it signs in a directory of its own.
struct Lab {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Lab {
    fn new() -> Lab {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        Lab { directory: tempfile::tempdir().unwrap(), authority }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn pair(&self) -> PairFiles {
        PairFiles { certificate: self.path().join("gw.pem"), key: self.path().join("gw.key") }
    }

    fn options(&self, clients: ClientCertificates) -> TlsOptions {
        TlsOptions {
            pairs: vec![self.pair()],
            clients,
            expired_clients: ExpiredCertificates::Refuse,
        }
    }

    /// Writes a pair for gw.test; `serial` tells it from others, `year` is its last.
    fn write_pair(&self, algorithm: &'static rcgen::SignatureAlgorithm, serial: u8, year: i32) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["gw.test".to_owned()]).unwrap();
        params.serial_number = Some(vec![serial].into());
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        fs::write(self.pair().certificate, certificate.pem()).unwrap();
        fs::write(self.pair().key, key.serialize_pem()).unwrap();
    }

    fn authorities(&self) -> std::path::PathBuf {
        let path = self.path().join("authorities.pem");
        fs::write(&path, self.authority.pem()).unwrap();
        path
    }

    fn load(&self, clients: ClientCertificates) -> Arc<Tls> {
        Arc::new(Tls::load(self.options(clients), SystemTime::now()).unwrap())
    }

    fn handset(&self, cn: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, cn);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn client(
        &self,
        handset: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> TlsClient {
        TlsClient { root: self.authority.der().clone(), handset, versions: rustls::ALL_VERSIONS }
    }
}

struct TlsClient {
    root: CertificateDer<'static>,
    handset: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    versions: Versions,
}

impl TlsClient {
    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match &self.handset {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        };
        Arc::new(config)
    }

    fn name() -> ServerName<'static> {
        ServerName::try_from("gw.test").unwrap()
    }

    /// What a client says first.
    fn hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        let mut client = ClientConnection::new(self.config(), TlsClient::name()).unwrap();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Client<TlsStream<TcpStream>>> {
        let connector = TlsConnector::from(self.config());
        let stream = TcpStream::connect(address).await?;
        Ok(Client::new(connector.connect(TlsClient::name(), stream).await?))
    }

    /// In TLS 1.3 a client learns only with its first read that it is refused.
    async fn is_refused(&self, running: &Running) -> bool {
        let before = running.server.counts().handshakes_failed;
        let refused = match self.connect(running.address).await {
            Err(_) => true,
            Ok(mut client) => client.end().await.is_empty(),
        };
        running.until(|counts| counts.handshakes_failed == before + 1 || !refused).await;
        refused
    }

    async fn serial(&self, running: &Running) -> u8 {
        let client = self.connect(running.address).await.unwrap();
        let chain = client.stream.get_ref().1.peer_certificates().unwrap();
        *x509_serial(&chain[0]).last().unwrap()
    }
}

fn pem_of(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn x509_serial(der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    X509Certificate::from_der(der).unwrap().1.raw_serial().to_vec()
}

fn serve(tls: Arc<Tls>, limits: Limits) -> Running {
    Running::start_on((Ipv4Addr::LOCALHOST, 0).into(), limits, ListenerOptions::new(Some(tls)))
}

type Versions = &'static [&'static SupportedProtocolVersion];
const ONLY_1_2: Versions = &[&rustls::version::TLS12];
const ONLY_1_3: Versions = &[&rustls::version::TLS13];
const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

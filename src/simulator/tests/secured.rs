//! Phones that look at certificates, and show their own.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::gateway::{Gateway, ok};
use super::*;
use crate::simulator::lab::{Expect, Phase};
use crate::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};
use crate::simulator::report::{Report, RunResult, Start};
use crate::simulator::tls::{Trust, Versions};

const LINES: &str = "<phone><line no=\"1\"><user>2</user><server>pbx</server></line></phone>";

fn make_ca(directory: &Path) -> LabCa {
    let names = ["127.0.0.1".to_owned()];
    LabCa::create(directory, &names, SystemTime::now()).unwrap()
}

/// Serves with the lab's certificate; with `clients`, only to phones that have one.
async fn gateway(directory: &Path, clients: bool) -> Gateway {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if clients {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(directory.join(CA)).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_file(directory.join(SERVER)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.join(SERVER_KEY)).unwrap();
    let config = builder.with_single_cert(chain, key).unwrap();
    Gateway::start_with(|_, _| ok(LINES), Some(Arc::new(config))).await
}

async fn boot(gateway: &Gateway, tls: FleetTls) -> (Arc<Lab>, Phase) {
    let (lab, phones) = lab(&gateway.url, 3, "x1", Some(&tls)).await;
    let (_, phase) = lab.boot_all("boot", phones, Duration::ZERO, &Expect::configured()).await;
    (lab, phase)
}

#[tokio::test]
async fn a_phone_that_checks_trusts_its_authority_and_no_other() {
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_ca(own.path());
    make_ca(other.path());
    let gateway = gateway(own.path(), false).await;
    for versions in [Versions::Tls12, Versions::Tls13] {
        let trust = Trust::Authorities(own.path().join(CA));
        let (lab, phase) = boot(&gateway, FleetTls::new(&trust, versions, None).unwrap()).await;
        assert_eq!(phase.figures.unexpected, 0, "{:?}", phase.figures.errors);
        let handshakes = lab.dialer.wire.handshakes.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(handshakes, 6, "two files of three phones, a connection each");
        assert_eq!(phase.wire.handshakes, 6);
        let result = RunResult { phases: vec![phase], ..RunResult::default() };
        let report = Report::new("storm", &lab, 3, Start::now(), &result);
        let of_files = report.phases[0].files.iter().map(|file| file.tls_handshakes);
        assert_eq!(of_files.collect::<Vec<_>>(), [3, 3]);
    }
    let trust = Trust::Authorities(other.path().join(CA));
    let (_, phase) = boot(&gateway, FleetTls::new(&trust, Versions::Both, None).unwrap()).await;
    assert_eq!(phase.figures.errors["tls"].count, 3);
    let (_, phase) =
        boot(&gateway, FleetTls::new(&Trust::Anyone, Versions::Both, None).unwrap()).await;
    assert_eq!(phase.figures.unexpected, 0);
}

#[tokio::test]
async fn a_gateway_that_asks_for_certificates_gets_each_phones_own() {
    let directory = tempfile::tempdir().unwrap();
    make_ca(directory.path());
    let gateway = gateway(directory.path(), true).await;
    let ca = LabCa::load(directory.path()).unwrap();
    let with = FleetTls::new(&Trust::Anyone, Versions::Both, Some(ca)).unwrap();
    let (_, phase) = boot(&gateway, with).await;
    assert_eq!(phase.figures.unexpected, 0, "{:?}", phase.figures.errors);
    let without = FleetTls::new(&Trust::Anyone, Versions::Both, None).unwrap();
    let (_, phase) = boot(&gateway, without).await;
    assert_eq!(phase.figures.failed, 3);
}

//! Authorities and certificates as makers of phones, companies and attackers have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::Identity;

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// From when to when, in years from now.
#[derive(Clone, Copy)]
pub(crate) struct Years(pub i32, pub i32);

/// One that signs, with its files in a folder of its own.
pub(crate) struct Authority {
    signer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
    /// Those between it and the root, as a phone would send them.
    between: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// A root of that name.
    pub(crate) fn root(dir: &Path, name: &str) -> Authority {
        let (params, key) = (authority(name, Years(-20, 20)), KeyPair::generate().unwrap());
        let dir = folder(dir, name, &key);
        let signer = CertifiedIssuer::self_signed(params, key).unwrap();
        Authority::of(signer, dir, Vec::new())
    }

    /// One that this one signed.
    pub(crate) fn between(&self, name: &str, valid: Years) -> Authority {
        let (params, key) = (authority(name, valid), KeyPair::generate().unwrap());
        let dir = folder(self.dir.parent().unwrap(), name, &key);
        let signer = CertifiedIssuer::signed_by(params, key, &self.signer).unwrap();
        let between = vec![signer.der().clone()];
        Authority::of(signer, dir, between)
    }

    fn of(
        signer: CertifiedIssuer<'static, KeyPair>,
        dir: PathBuf,
        between: Vec<CertificateDer<'static>>,
    ) -> Authority {
        fs::write(dir.join("ca.pem"), signer.pem()).unwrap();
        Authority { signer, dir, between }
    }

    pub(crate) fn pem(&self) -> String {
        self.signer.pem()
    }

    /// A certificate with that common name for that time; what a phone that knows the way sends.
    pub(crate) fn phone(&self, name: &str, valid: Years) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name, valid);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = params.signed_by(&key, &self.signer).unwrap().der().clone();
        let chain = std::iter::once(leaf).chain(self.between.iter().cloned()).collect();
        (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// A certificate with a subject and alternative names as `openssl` takes and encodes them.
    pub(crate) fn openssl(&self, subject: &str, alternative: Option<&str>) -> Identity {
        let run = |arguments: &[&str]| {
            let done = Command::new("openssl").current_dir(&self.dir).args(arguments).output();
            let done = done.expect("openssl is installed");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        run(&[
            &["req", "-new", "-utf8", "-subj", subject][..],
            &key,
            &["-keyout", "phone.key", "-out", "phone.csr"],
        ]
        .concat());
        let mut extensions = "extendedKeyUsage=clientAuth\n".to_owned();
        if let Some(alternative) = alternative {
            extensions += &format!("subjectAltName={alternative}\n");
        }
        fs::write(self.dir.join("extensions"), extensions).unwrap();
        run(&[
            "x509",
            "-req",
            "-in",
            "phone.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-days",
            "1",
            "-extfile",
            "extensions",
            "-out",
            "phone.pem",
        ]);
        let certificate = CertificateDer::from_pem_file(self.dir.join("phone.pem")).unwrap();
        (vec![certificate], PrivateKeyDer::from_pem_file(self.dir.join("phone.key")).unwrap())
    }
}

/// A folder of its own with its key in it.
fn folder(dir: &Path, name: &str, key: &KeyPair) -> PathBuf {
    let dir = dir.join(name.replace(' ', "-"));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("ca.key"), key.serialize_pem()).unwrap();
    dir
}

fn authority(name: &str, valid: Years) -> CertificateParams {
    let mut params = params(name, valid);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn params(name: &str, Years(from, to): Years) -> CertificateParams {
    let at = |years: i32| {
        let (now, away) = (SystemTime::now(), YEAR * years.unsigned_abs());
        if years < 0 { now - away } else { now + away }
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(from).into();
    params.not_after = at(to).into();
    params
}

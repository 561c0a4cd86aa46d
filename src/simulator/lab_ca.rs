//! A certificate authority for a lab: makes phones' certificates as they are needed, and
//! one for the gateway. Good for nothing else: its key lies in a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::domain::Mac;

/// The authority's certificate: what a gateway or a phone is told to trust.
pub const CA: &str = "ca.pem";
/// The authority's key.
pub const CA_KEY: &str = "ca.key";
/// A certificate for the gateway, and its key.
pub const SERVER: &str = "server.pem";
/// The key of the gateway's certificate.
pub const SERVER_KEY: &str = "server.key";

/// A year: long enough for any lab, short enough to be no temptation.
const VALID: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How long ago a certificate begins to be valid, for clocks in the lab that differ.
const BACKDATED: Duration = Duration::from_secs(24 * 3_600);

/// Why there is no authority to sign with.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot use {}", path.display())]
    Unusable { path: PathBuf, source: rcgen::Error },
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
}

/// An authority that can sign.
#[derive(Debug)]
pub struct LabCa {
    issuer: Issuer<'static, KeyPair>,
}

impl LabCa {
    /// Writes an authority and a server certificate for `names` (DNS names or addresses)
    /// into `directory`: four files, keys with mode 0600. Overwrites nothing.
    ///
    /// # Errors
    /// [`CaError::Write`] also when one of the files is there already.
    pub fn create(directory: &Path, names: &[String], now: SystemTime) -> Result<LabCa, CaError> {
        fs::create_dir_all(directory)
            .map_err(|source| CaError::Write { path: directory.to_owned(), source })?;
        let key = KeyPair::generate().map_err(CaError::Make)?;
        let mut params = params("dialtone lab CA", now);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(CaError::Make)?;
        write(&directory.join(CA_KEY), &key.serialize_pem(), 0o600)?;
        write(&directory.join(CA), &certificate.pem(), 0o644)?;
        let ca = LabCa { issuer: Issuer::new(params, key) };

        let key = KeyPair::generate().map_err(CaError::Make)?;
        let mut params = CertificateParams::new(names).map_err(CaError::Make)?;
        take_over(&mut params, names.first().map_or("localhost", String::as_str), now);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &ca.issuer).map_err(CaError::Make)?;
        write(&directory.join(SERVER_KEY), &key.serialize_pem(), 0o600)?;
        write(&directory.join(SERVER), &certificate.pem(), 0o644)?;
        Ok(ca)
    }

    /// The authority that [`LabCa::create`] wrote.
    ///
    /// # Errors
    /// [`CaError`]
    pub fn load(directory: &Path) -> Result<LabCa, CaError> {
        let read = |name: &str| {
            let path = directory.join(name);
            let text = fs::read_to_string(&path);
            text.map(|text| (path.clone(), text)).map_err(|source| CaError::Read { path, source })
        };
        let ((key_path, key), (path, certificate)) = (read(CA_KEY)?, read(CA)?);
        let key = KeyPair::from_pem(&key)
            .map_err(|source| CaError::Unusable { path: key_path, source })?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key);
        let issuer = issuer.map_err(|source| CaError::Unusable { path, source })?;
        Ok(LabCa { issuer })
    }

    /// A phone's certificate, CN = its MAC in upper case as makers write it
    /// (`001565ABCDEF`), with the key that belongs to it.
    ///
    /// # Errors
    /// [`CaError::Make`]
    pub fn phone(
        &self,
        mac: Mac,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CaError> {
        let key = KeyPair::generate().map_err(CaError::Make)?;
        let mut params = params(&mac.upper(), SystemTime::now());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(CaError::Make)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![certificate.der().clone()], key.into()))
    }
}

fn params(common_name: &str, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    take_over(&mut params, common_name, now);
    params
}

fn take_over(params: &mut CertificateParams, common_name: &str, now: SystemTime) {
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + VALID).into();
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CaError> {
    let attempt = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())
    };
    attempt().map_err(|source| CaError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_read_back_and_overwrites_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        LabCa::create(directory.path(), &names, SystemTime::now()).unwrap();
        let key = fs::read(directory.path().join(CA_KEY)).unwrap();
        let error = LabCa::create(directory.path(), &names, SystemTime::now()).unwrap_err();
        assert!(matches!(error, CaError::Write { .. }), "{error}");
        assert_eq!(fs::read(directory.path().join(CA_KEY)).unwrap(), key);

        let ca = LabCa::load(directory.path()).unwrap();
        let (chain, _) = ca.phone("001565abcdef".parse().unwrap()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
        assert_eq!(parsed.subject().to_string(), "CN=001565ABCDEF");
        assert_eq!(parsed.issuer().to_string(), "CN=dialtone lab CA");
    }

    #[test]
    fn a_damaged_authority_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = LabCa::load(directory.path()).unwrap_err().to_string();
        assert!(error.contains(CA_KEY), "{error}");
    }
}

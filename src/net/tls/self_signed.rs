//! The certificate of last resort: made on first start where none is configured, and kept.
//!
//! Two files in the directory, [`CERTIFICATE`] and [`KEY`]. They are used again
//! at the next start, since a phone or a person may have been told to trust
//! them, even when addresses have changed; they are made anew when they are
//! about to expire. A file that dialtone did not make is never overwritten.

use std::error::Error;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};

use super::{PairFiles, TlsError, config, files};

/// Name of the certificate's file.
pub const CERTIFICATE: &str = "self-signed.pem";
/// Name of the key's file.
pub const KEY: &str = "self-signed.key";

/// Subject O of what we made: how we know it as ours.
const MARK: &str = "dialtone self-signed";
/// Ten years: whoever chose to trust it should not be asked again soon.
const DAYS: i64 = 3_650;
/// Made anew when it has no longer than this.
const LEFT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The pair in `directory`, made now if need be, for `names` (DNS names or IP
/// addresses, as text). On return the files are on disk, the key with mode 0600.
///
/// # Errors
/// [`TlsError::InTheWay`] when a file of that name is not ours or the other one
/// is missing; otherwise as loading or writing fails.
pub fn ensure(directory: &Path, names: &[String], now: SystemTime) -> Result<PairFiles, TlsError> {
    let pair = PairFiles { certificate: directory.join(CERTIFICATE), key: directory.join(KEY) };
    let in_the_way = |path: &Path| Err(TlsError::InTheWay { path: path.to_owned() });
    let reused = match (exists(&pair.certificate)?, exists(&pair.key)?) {
        (false, false) => false,
        (true, false) => return in_the_way(&pair.certificate),
        (false, true) => return in_the_way(&pair.key),
        (true, true) => {
            if !is_ours(&pair.certificate) {
                return in_the_way(&pair.certificate);
            }
            keep_private(&pair.key)?;
            let (_, expires) = config::load_pair(&pair, &config::provider())?;
            expires > now + LEFT
        }
    };
    if !reused {
        make(&pair, directory, names, now)?;
    }
    tracing::warn!(
        certificate = %pair.certificate.display(),
        made_now = !reused,
        "HTTPS uses a self-signed certificate, which phones do not trust: they will refuse it \
         unless certificate checks are off. Configure a certificate and key that your phones \
         trust (certs/README.md says how)",
    );
    Ok(pair)
}

/// The names by which this machine may be asked: `localhost`, its host name,
/// the loopback addresses, `bound` addresses, and where one of those is
/// unspecified (`0.0.0.0`), the address it would send from.
#[must_use]
pub fn names_of_this_machine(bound: &[IpAddr]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(host_name());
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    for &address in bound {
        let address = if address.is_unspecified() { outward(address) } else { Some(address) };
        names.extend(address.map(|address| address.to_string()));
    }
    let mut seen = Vec::new();
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let is_dns = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    is_dns.then_some(name)
}

/// The source address of packets to the outside. Connecting a UDP socket only
/// asks the routing table; nothing is sent. The targets are documentation
/// addresses (RFC 5737, RFC 3849).
fn outward(unspecified: IpAddr) -> Option<IpAddr> {
    let target = if unspecified.is_ipv4() { "192.0.2.1:9" } else { "[2001:db8::1]:9" };
    let socket = UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect(target).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

fn exists(path: &Path) -> Result<bool, TlsError> {
    // Also true for a link to nowhere: that is something an operator put there.
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TlsError::Read { path: path.to_owned(), source }),
    }
}

/// A copy that was put back may be readable for others.
fn keep_private(key: &Path) -> Result<(), TlsError> {
    let failed = |source| TlsError::Write { path: key.to_owned(), source };
    let mode = fs::metadata(key).map_err(failed)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(key, Permissions::from_mode(0o600)).map_err(failed)?;
    tracing::warn!(
        file = %key.display(),
        mode = format!("{:o}", mode & 0o7777),
        "others could read the key; now only its owner can"
    );
    Ok(())
}

fn is_ours(certificate: &Path) -> bool {
    let Ok(chain) = files::certificates(certificate) else { return false };
    files::parse(certificate, &chain[0]).is_ok_and(|parsed| {
        parsed.subject().iter_organization().any(|name| name.as_str() == Ok(MARK))
    })
}

fn make(
    pair: &PairFiles,
    directory: &Path,
    names: &[String],
    now: SystemTime,
) -> Result<(), TlsError> {
    let key = KeyPair::generate().map_err(not_made)?;
    let mut params = CertificateParams::new(names).map_err(not_made)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, MARK);
    let name = names.first().map_or("localhost", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // From yesterday, for clocks that are behind.
    let (year, month, day) = date(now, -1).map_err(not_made)?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now, DAYS).map_err(not_made)?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    let certificate = params.self_signed(&key).map_err(not_made)?;

    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| TlsError::Write { path: directory.to_owned(), source })?;
    // The key first: left alone by a crash in between it is reported, not used.
    write(&pair.key, key.serialize_pem().as_bytes(), 0o600)?;
    write(&pair.certificate, certificate.pem().as_bytes(), 0o644)
}

fn not_made(error: impl Into<Box<dyn Error + Send + Sync>>) -> TlsError {
    TlsError::Make { source: error.into() }
}

/// The day of `now` in UTC and `days` on, as year, month and day: as fine as a
/// certificate of ten years needs.
fn date(now: SystemTime, days: i64) -> Result<(i32, u8, u8), jiff::Error> {
    let today = jiff::Timestamp::try_from(now)?.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let date = today.checked_add(jiff::Span::new().try_days(days)?)?;
    Ok((date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs()))
}

/// Beside it, synced and then moved into place, so that nobody sees half a file.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let attempt = || {
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

//! HTTP authentication of handsets: Basic over TLS (RFC 7617) and Digest (RFC 7616).
//!
//! The edge finds out whether what a request presents is fresh: made for this request, with a nonce
//! of ours that is good and was not used so before. Whose user and password it proves is for
//! provisioning to say.
//!
//! Whether a listener asks for credentials is the same for all who ask there, and so are its
//! answers to who has none. A challenge says `stale=true` where the nonce was ours and is too old,
//! or of a process that is gone: the client has the right password, as far as anybody knows, and
//! tries again by itself. To a nonce that is invented, or of another network, to a count that was
//! used, and to the target of another request it does not.

pub(super) mod header;
mod nonce;
mod realm;
#[cfg(test)]
mod tests;
mod uses;

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Response};

use super::{EdgeBody, response};
use crate::ambient::{Clock, Random, SystemClock, SystemRandom};
use crate::domain::{DigestAlgorithm, DigestResponse, Presented};
use nonce::{Nonces, Unfit};
pub use realm::Realm;

/// What a listener asks who has shown no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Challenge {
    /// Nothing. What is presented without being asked for is looked at where that needs no
    /// challenge: Basic over TLS.
    #[default]
    None,
    /// The password itself, over TLS; a plain listener asks for nothing.
    Basic,
    /// A digest with MD5, which all handsets know that know any.
    DigestMd5,
    /// A digest with SHA-256.
    DigestSha256,
    /// Either digest, SHA-256 first. Some old clients read only one of two challenges.
    Digest,
}

/// How handsets are to prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizationOptions {
    /// What the listeners ask for.
    pub challenge: Challenge,
    /// What the credentials are for.
    pub realm: Realm,
    /// Whether a digest may be in the form of RFC 2069, without `qop`.
    pub without_qop: bool,
}

/// Asks for credentials, and reads those that come.
#[derive(Debug)]
pub struct Authorization {
    options: AuthorizationOptions,
    nonces: Arc<Nonces>,
    clock: SharedClock,
}

/// What a request shows of credentials.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Fresh ones.
    pub presented: Option<Presented>,
    /// Why there are none, in words for the log.
    pub unfit: &'static str,
    /// Whether the client only has to try again.
    pub is_stale: bool,
}

/// How a request is answered that has not proven what its listener asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unproven<'a> {
    /// `None`: it is asked for nothing.
    asking: Option<&'a Authorization>,
    address: IpAddr,
    is_stale: bool,
}

struct SharedClock(Arc<dyn Clock>);

impl Challenge {
    fn algorithms(self) -> &'static [DigestAlgorithm] {
        use DigestAlgorithm::{Md5, Sha256};
        match self {
            Challenge::None | Challenge::Basic => &[],
            Challenge::DigestMd5 => &[Md5],
            Challenge::DigestSha256 => &[Sha256],
            Challenge::Digest => &[Sha256, Md5],
        }
    }
}

impl Authorization {
    /// `key` signs nonces: those of another process with the same one are old, all others are
    /// invented. Nobody must be able to guess it.
    #[must_use]
    pub fn new(
        options: AuthorizationOptions,
        key: [u8; 32],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Authorization {
        let nonces = Arc::new(Nonces::new(key, random));
        Authorization { options, nonces, clock: SharedClock(clock) }
    }

    /// Asks for something else, for another listener.
    ///
    /// SECURITY: a nonce that was used at one listener is used at all of them.
    #[must_use]
    pub fn with(&self, options: AuthorizationOptions) -> Authorization {
        let (nonces, clock) = (Arc::clone(&self.nonces), Arc::clone(&self.clock.0));
        Authorization { options, nonces, clock: SharedClock(clock) }
    }

    /// Reads what a request presents, and uses its nonce.
    pub(super) fn read<B>(
        &self,
        request: &Request<B>,
        address: IpAddr,
        is_tls: bool,
    ) -> (Shown, Unproven<'_>) {
        let is_asking = match self.options.challenge {
            Challenge::None => false,
            Challenge::Basic => is_tls,
            Challenge::DigestMd5 | Challenge::DigestSha256 | Challenge::Digest => true,
        };
        let shown = self.shown(request, address, is_tls);
        let (asking, is_stale) = (is_asking.then_some(self), shown.is_stale);
        (shown, Unproven { asking, address, is_stale })
    }

    fn shown<B>(&self, request: &Request<B>, address: IpAddr, is_tls: bool) -> Shown {
        let unfit = |unfit| Shown { unfit, ..Shown::default() };
        match header::read(request.headers(), request.method().as_str()) {
            None => unfit("it presented no credentials"),
            Some(Err(why)) => unfit(why),
            Some(Ok(presented)) => {
                let checked = match &presented {
                    Presented::Basic(_) => self.basic(is_tls),
                    Presented::Digest(digest) => self.digest(digest, request.uri(), address),
                };
                match checked {
                    Ok(()) => Shown { presented: Some(presented), ..Shown::default() },
                    Err(why) => why,
                }
            }
        }
    }

    fn basic(&self, is_tls: bool) -> Result<(), Shown> {
        let unfit = match self.options.challenge {
            // SECURITY: whoever sees it may be on the same network.
            _ if !is_tls => "it sent its password without TLS",
            Challenge::None | Challenge::Basic => return Ok(()),
            _ => "it presented Basic credentials where a digest is asked for",
        };
        Err(Shown { unfit, ..Shown::default() })
    }

    fn digest(
        &self,
        digest: &DigestResponse,
        uri: &http::Uri,
        address: IpAddr,
    ) -> Result<(), Shown> {
        let unfit = |unfit| Shown { unfit, ..Shown::default() };
        if !self.options.challenge.algorithms().contains(&digest.algorithm) {
            return Err(unfit("its digest is of an algorithm that is not asked for"));
        }
        if digest.realm != self.options.realm.as_str() {
            return Err(unfit("its credentials are for another realm"));
        }
        if !is_target(uri, &digest.uri) {
            return Err(unfit("its digest is of another target"));
        }
        let count = match &digest.counted {
            Some(counted) => Some(count(&counted.nc).ok_or(unfit("its nc is no count"))?),
            None if self.options.without_qop => None,
            None => return Err(unfit("its digest has no qop")),
        };
        let taken = self.nonces.take(&digest.nonce, count, address, self.clock.0.now());
        taken.map_err(|why| match why {
            Unfit::Invented => unfit("its nonce was made for nobody there"),
            Unfit::Replayed => unfit("its digest was used before"),
            Unfit::Old => Shown { is_stale: true, ..unfit("its nonce is old") },
        })
    }

    /// The same for all but for the nonce.
    fn challenge(&self, address: IpAddr, is_stale: bool) -> Response<EdgeBody> {
        let realm = self.options.realm.as_str();
        let mut response = response::unauthorized();
        let mut ask = |challenge: String| {
            let challenge = HeaderValue::try_from(challenge).expect("a realm is visible ASCII");
            response.headers_mut().append(http::header::WWW_AUTHENTICATE, challenge);
        };
        let algorithms = self.options.challenge.algorithms();
        if algorithms.is_empty() {
            ask(format!("Basic realm=\"{realm}\""));
            return response;
        }
        let nonce = self.nonces.make(address, self.clock.0.now());
        let stale = if is_stale { ", stale=true" } else { "" };
        for algorithm in algorithms {
            let algorithm = algorithm.name();
            ask(format!(
                "Digest realm=\"{realm}\", qop=\"auth\", algorithm={algorithm}, \
                 nonce=\"{nonce}\"{stale}"
            ));
        }
        response
    }
}

impl Unproven<'_> {
    /// Whether the listener asks for credentials.
    pub(super) fn is_challenged(&self) -> bool {
        self.asking.is_some()
    }

    /// The challenge, or the refusal where the listener asks for nothing.
    pub(super) fn response(&self) -> Response<EdgeBody> {
        match self.asking {
            Some(authorization) => authorization.challenge(self.address, self.is_stale),
            None => response::refusal(),
        }
    }
}

/// Nobody is asked for anything.
impl Default for Authorization {
    fn default() -> Authorization {
        let mut key = [0; 32];
        SystemRandom.fill(&mut key);
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Authorization::new(AuthorizationOptions::default(), key, clock, random)
    }
}

/// Whether a digest is of the request's own target, byte for byte as it was received; of an
/// absolute one (RFC 9112, section 3.2.2) a client may as well have taken the path alone, as
/// clients do that speak to a proxy.
fn is_target(uri: &http::Uri, said: &str) -> bool {
    // Not compared as URIs, for which `HTTP://` is `http://`.
    let is_whole = |whole: String| whole == said;
    uri.path_and_query().is_some_and(|target| target.as_str() == said)
        || (uri.authority().is_some() && is_whole(uri.to_string()))
}

/// Of eight hexadecimal digits (RFC 7616, section 3.4).
fn count(nc: &str) -> Option<u32> {
    let is_plain = nc.len() == 8 && nc.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(nc, 16).ok().filter(|_| is_plain)
}

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedClock")
    }
}

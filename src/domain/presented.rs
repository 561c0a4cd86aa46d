//! Credentials that are presented over HTTP, and whether they prove a user and a password.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::settings::Secret;
use super::to_hex;

/// A user and a password that somebody must prove to have. `Debug` hides the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// What goes with it.
    pub password: Secret,
}

/// What a request presents. `Debug` shows no secret, nor what one could be guessed from.
#[derive(Clone)]
pub enum Presented {
    /// The password itself (RFC 7617).
    Basic(Credentials),
    /// What only who has the password can compute (RFC 7616).
    Digest(Box<DigestResponse>),
}

/// A response to a challenge, with all it is computed from but the password. Whether nonce, count
/// and URI are those of the request is for whoever sent the challenge to find out.
#[derive(Clone)]
pub struct DigestResponse {
    /// The hash.
    pub algorithm: DigestAlgorithm,
    /// The user's name, or its hash with the realm.
    pub user: String,
    /// Whether `user` is such a hash (`userhash`).
    pub is_user_hashed: bool,
    /// What the password is for.
    pub realm: String,
    /// What the challenge said.
    pub nonce: String,
    /// With `qop=auth`; `None` in the form of RFC 2069, which says neither.
    pub counted: Option<Counted>,
    /// The method of the request.
    pub method: String,
    /// The target of the request, as the client says.
    pub uri: String,
    /// The response in hexadecimal digits; either case is taken.
    pub response: String,
}

/// What tells one response to a nonce from the next.
#[derive(Clone)]
pub struct Counted {
    /// How often the nonce was used, as eight hexadecimal digits.
    pub nc: String,
    /// What the client made up.
    pub cnonce: String,
}

/// The hash of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// All that most handsets know.
    Md5,
    /// RFC 7616.
    Sha256,
}

impl Presented {
    /// The user's name as it was presented: by a digest's `userhash` it is a hash.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Presented::Basic(presented) => &presented.user,
            Presented::Digest(response) => &response.user,
        }
    }

    /// Whether this is the user and whoever presents it has the password. The time it takes says
    /// nothing of where a wrong one differs.
    #[must_use]
    pub fn proves(&self, user: &str, password: &str) -> bool {
        let is_proof = match self {
            Presented::Basic(presented) => {
                same(&presented.user, user) & same(presented.password.expose(), password)
            }
            Presented::Digest(response) => {
                let name = match response.is_user_hashed {
                    true => response.algorithm.hash(&[user, &response.realm]),
                    false => user.to_owned(),
                };
                let expected = response.expected(user, password);
                let presented = response.response.to_ascii_lowercase();
                same(&response.user, &name) & expected.as_bytes().ct_eq(presented.as_bytes())
            }
        };
        is_proof.into()
    }
}

/// Of hashes, so that not even a length shows in the time.
fn same(one: &str, other: &str) -> Choice {
    Sha256::digest(one).ct_eq(&Sha256::digest(other))
}

impl DigestResponse {
    /// The response of who has the password (RFC 7616, section 3.4.1), in lower-case digits.
    #[must_use]
    pub fn expected(&self, user: &str, password: &str) -> String {
        let hash = |parts: &[&str]| self.algorithm.hash(parts);
        let (secret, request) =
            (hash(&[user, &self.realm, password]), hash(&[&self.method, &self.uri]));
        match &self.counted {
            Some(Counted { nc, cnonce }) => {
                hash(&[&secret, &self.nonce, nc, cnonce, "auth", &request])
            }
            None => hash(&[&secret, &self.nonce, &request]),
        }
    }
}

impl DigestAlgorithm {
    /// How a challenge and a response call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DigestAlgorithm::Md5 => "MD5",
            DigestAlgorithm::Sha256 => "SHA-256",
        }
    }

    /// The one that is called so, in either case; `None` also for those with `-sess`.
    #[must_use]
    pub fn named(name: &str) -> Option<DigestAlgorithm> {
        let all = [DigestAlgorithm::Md5, DigestAlgorithm::Sha256];
        all.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The hash of the parts with colons between them, in lower-case digits.
    fn hash(self, parts: &[&str]) -> String {
        match self {
            DigestAlgorithm::Md5 => joined::<Md5>(parts),
            DigestAlgorithm::Sha256 => joined::<Sha256>(parts),
        }
    }
}

fn joined<H: Digest>(parts: &[&str]) -> String {
    let mut hash = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    to_hex(&hash.finalize())
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Presented::Basic(presented) => f.debug_tuple("Basic").field(presented).finish(),
            Presented::Digest(response) => f.debug_tuple("Digest").field(response).finish(),
        }
    }
}

impl fmt::Debug for DigestResponse {
    /// Shows no response: with the rest of it passwords can be tried.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestResponse")
            .field("algorithm", &self.algorithm)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(algorithm: DigestAlgorithm, response: &str) -> DigestResponse {
        // Of the example in RFC 7616, section 3.9.1.
        DigestResponse {
            algorithm,
            user: "Mufasa".to_owned(),
            is_user_hashed: false,
            realm: "http-auth@example.org".to_owned(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".to_owned(),
            counted: Some(Counted {
                nc: "00000001".to_owned(),
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned(),
            }),
            method: "GET".to_owned(),
            uri: "/dir/index.html".to_owned(),
            response: response.to_owned(),
        }
    }

    fn presented(response: DigestResponse) -> Presented {
        Presented::Digest(Box::new(response))
    }

    const PASSWORD: &str = "Circle of Life";
    const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";
    const SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";

    #[test]
    fn the_examples_of_the_rfc_prove_their_password() {
        for (algorithm, response) in
            [(DigestAlgorithm::Md5, MD5), (DigestAlgorithm::Sha256, SHA256)]
        {
            let right = presented(digest(algorithm, response));
            assert!(right.proves("Mufasa", PASSWORD));
            assert_eq!(right.user(), "Mufasa");
            assert!(
                presented(digest(algorithm, &response.to_uppercase())).proves("Mufasa", PASSWORD)
            );
            assert!(!right.proves("Mufasa", "circle of life"));
            assert!(!right.proves("mufasa", PASSWORD));
            let shorter = &response[..response.len() - 1];
            for wrong in [shorter, "", &response[..32 - 1], &format!("{response}0")] {
                assert!(!presented(digest(algorithm, wrong)).proves("Mufasa", PASSWORD), "{wrong}");
            }
        }
        assert!(!presented(digest(DigestAlgorithm::Sha256, MD5)).proves("Mufasa", PASSWORD));
    }

    #[test]
    fn both_hashes_are_computed_with_a_count_and_without() {
        // openssl: HA1 of dev:provisioning:s3cret, HA2 of GET:/t/805ec0123456.cfg
        let of = |algorithm, is_counted| DigestResponse {
            algorithm,
            user: "dev".to_owned(),
            is_user_hashed: false,
            realm: "provisioning".to_owned(),
            nonce: "n0".to_owned(),
            counted: Some(Counted { nc: "00000001".to_owned(), cnonce: "c0".to_owned() })
                .filter(|_| is_counted),
            method: "GET".to_owned(),
            uri: "/t/805ec0123456.cfg".to_owned(),
            response: String::new(),
        };
        for (algorithm, is_counted, response) in [
            (DigestAlgorithm::Md5, true, "58dfbf83346a26a1fc71a6091f738181"),
            (DigestAlgorithm::Md5, false, "66eba55bbc85282506d098cd006edc0a"),
            (
                DigestAlgorithm::Sha256,
                true,
                "c5b2096a74a8b70d467bf7073474461e0db056b0ff423a38f16df61b24c6b2f3",
            ),
            (
                DigestAlgorithm::Sha256,
                false,
                "d0724847d4d5e138130a994b0e5e013813878210562063f7ecfb450aa588b457",
            ),
        ] {
            assert_eq!(of(algorithm, is_counted).expected("dev", "s3cret"), response);
        }
    }

    #[test]
    fn a_hashed_user_is_known_by_its_hash_alone() {
        // printf 'Mufasa:http-auth@example.org' | sha256sum
        let user = "a947aad205e80e429958a387394944c6b496301e79f89d35a4cc23b6ee12b5b6";
        let hashed = |user: &str| {
            let response = digest(DigestAlgorithm::Sha256, SHA256);
            presented(DigestResponse { user: user.to_owned(), is_user_hashed: true, ..response })
        };
        assert!(!hashed("Mufasa").proves("Mufasa", PASSWORD));
        assert!(hashed(user).proves("Mufasa", PASSWORD));
    }

    #[test]
    fn debug_shows_neither_password_nor_response() {
        let password = Secret::new("hunter2".to_owned());
        let basic = Presented::Basic(Credentials { user: "dev".to_owned(), password });
        assert!(basic.proves("dev", "hunter2"));
        assert!(!basic.proves("dev", "hunter22") && !basic.proves("dev", ""));
        let shown = format!("{basic:?} {:?}", presented(digest(DigestAlgorithm::Md5, MD5)));
        for secret in ["hunter2", MD5, "f2/wE4q7", "7ypf"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("dev") && shown.contains("Mufasa"), "{shown}");
    }

    proptest! {
        #[test]
        fn only_the_password_proves(
            user in "[a-z]{1,8}",
            password in ".{0,12}",
            other in ".{0,12}",
            is_counted: bool,
        ) {
            for algorithm in [DigestAlgorithm::Md5, DigestAlgorithm::Sha256] {
                let mut response = digest(algorithm, "");
                response.counted = response.counted.filter(|_| is_counted);
                response.user = user.clone();
                response.response = response.expected(&user, &password);
                let response = presented(response);
                prop_assert!(response.proves(&user, &password));
                prop_assert_eq!(response.proves(&user, &other), password == other);
            }
        }
    }
}

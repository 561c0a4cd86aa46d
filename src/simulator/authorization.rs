//! How a phone answers who asks for a user and a password: Digest with MD5 or SHA-256 (RFC 7616, and
//! RFC 2069 where no `qop` is offered), and Basic over TLS (RFC 7617).
//!
//! A phone shows nothing before it is asked. Then it goes on with what it was asked for: the same
//! nonce, with a count that rises, until the gateway wants another one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use http_auth::parser::ChallengeParser;
use http_auth::{ChallengeRef, ParamValue};

use super::seeded_random::SeededRandom;
use crate::domain::{Counted, Credentials, DigestAlgorithm, DigestResponse};

/// What a phone remembers of the challenge that it answers.
#[derive(Debug, Default)]
pub struct Authorization {
    kept: Option<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Basic,
    Digest(Digest),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Digest {
    algorithm: DigestAlgorithm,
    /// Whether the challenge named it; else it is not repeated.
    says_algorithm: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    has_qop: bool,
    /// Requests that the nonce was used for.
    uses: u32,
}

impl Authorization {
    /// The `Authorization` header of a request, for one sending of it; `None` before there was a
    /// challenge.
    pub fn header(
        &mut self,
        credentials: &Credentials,
        method: &str,
        target: &str,
        random: &mut SeededRandom,
    ) -> Option<HeaderValue> {
        let text = match self.kept.as_mut()? {
            Kept::Basic => {
                let pair = format!("{}:{}", credentials.user, credentials.password.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            Kept::Digest(digest) => digest.answer(credentials, method, target, random),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Hears that a request was answered with 401; whether the phone is to send it again, with
    /// credentials, which it did `shown` times so far. It is not where nothing that it knows is asked
    /// for, nor where what it showed is not taken, unless only its nonce was too old, once.
    pub fn is_to_answer(&mut self, headers: &HeaderMap, shown: u32, is_tls: bool) -> bool {
        // What is wrong with what was shown is not known: the next request begins anew.
        self.kept = challenge(headers, is_tls)
            .filter(|(_, is_stale)| shown == 0 || shown == 1 && *is_stale)
            .map(|(kept, _)| kept);
        self.kept.is_some()
    }

    /// Forgets what it was asked.
    pub fn forget(&mut self) {
        self.kept = None;
    }
}

impl Digest {
    fn answer(
        &mut self,
        credentials: &Credentials,
        method: &str,
        target: &str,
        random: &mut SeededRandom,
    ) -> String {
        self.uses += 1;
        let counted = self.has_qop.then(|| Counted {
            nc: format!("{:08x}", self.uses),
            cnonce: format!("{:016x}", random.next_u64()),
        });
        let response = DigestResponse {
            algorithm: self.algorithm,
            user: credentials.user.clone(),
            is_user_hashed: false,
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            counted,
            method: method.to_owned(),
            uri: target.to_owned(),
            response: String::new(),
        };
        let proof = response.expected(&credentials.user, credentials.password.expose());
        let quoted = [
            ("username", &*response.user),
            ("realm", &response.realm),
            ("nonce", &response.nonce),
            ("uri", target),
            ("response", &proof),
        ];
        let mut text = "Digest ".to_owned();
        for (at, (name, value)) in quoted.into_iter().enumerate() {
            text += if at == 0 { "" } else { ", " };
            text += &quoted_pair(name, value);
        }
        if self.says_algorithm {
            text += &format!(", algorithm={}", self.algorithm.name());
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", {}", quoted_pair("opaque", opaque));
        }
        if let Some(Counted { nc, cnonce }) = &response.counted {
            text += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
        }
        text
    }
}

fn quoted_pair(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The first challenge that a phone knows, and whether it says `stale=true`: a digest before Basic,
/// which it answers over TLS alone.
fn challenge(headers: &HeaderMap, is_tls: bool) -> Option<(Kept, bool)> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let all = || texts.iter().flat_map(|text| ChallengeParser::new(text)).filter_map(Result::ok);
    let digest = all().find_map(|found| digest(&found));
    digest.or_else(|| {
        let has_basic = all().any(|found| found.scheme.eq_ignore_ascii_case("basic"));
        (has_basic && is_tls).then_some((Kept::Basic, false))
    })
}

fn digest(found: &ChallengeRef<'_>) -> Option<(Kept, bool)> {
    if !found.scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let parameter = |name: &str| {
        let same = |(other, _): &&(&str, ParamValue<'_>)| other.eq_ignore_ascii_case(name);
        found.params.iter().find(same).map(|(_, value)| value.to_unescaped())
    };
    let algorithm = parameter("algorithm");
    let qop = parameter("qop");
    let has_auth = |offered: &String| offered.split(',').any(|one| one.trim() == "auth");
    if !qop.iter().all(has_auth) {
        return None;
    }
    let digest = Digest {
        says_algorithm: algorithm.is_some(),
        algorithm: algorithm
            .map_or(Some(DigestAlgorithm::Md5), |name| DigestAlgorithm::named(&name))?,
        realm: parameter("realm")?,
        nonce: parameter("nonce")?,
        opaque: parameter("opaque"),
        has_qop: qop.is_some(),
        uses: 0,
    };
    let is_stale = parameter("stale").is_some_and(|is| is.eq_ignore_ascii_case("true"));
    Some((Kept::Digest(digest), is_stale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::Secret;

    fn asked(challenges: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        }
        headers
    }

    fn mufasa(password: &str) -> Credentials {
        Credentials { user: "Mufasa".to_owned(), password: Secret::new(password.to_owned()) }
    }

    fn shown(authorization: &mut Authorization, random: &mut SeededRandom) -> Option<String> {
        let credentials = mufasa("Circle Of Life");
        let header = authorization.header(&credentials, "GET", "/dir/index.html", random)?;
        Some(header.to_str().unwrap().to_owned())
    }

    const RFC_2069: &str = "Digest realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

    #[test]
    fn the_example_of_rfc_2069_comes_out_as_corrected() {
        let (mut authorization, mut random) = (Authorization::default(), SeededRandom::new(1, 1));
        assert_eq!(shown(&mut authorization, &mut random), None, "nobody asked");
        assert!(authorization.is_to_answer(&asked(&[RFC_2069]), 0, false));
        let credentials = mufasa("CircleOfLife");
        let target = "/dir/index.html";
        let header = authorization.header(&credentials, "GET", target, &mut random).unwrap();
        // RFC 2069 section 2.4 with its erratum 749.
        assert_eq!(
            header.to_str().unwrap(),
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", \
             response=\"1949323746fe6a43ef61f9606e7febea\", \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
        );
    }

    #[test]
    fn a_nonce_is_kept_and_counted_until_another_is_wanted() {
        let (mut authorization, mut random) = (Authorization::default(), SeededRandom::new(1, 1));
        let challenge = |nonce: &str, more: &str| {
            asked(&[&format!("Digest realm=\"r\", qop=\"auth\", nonce=\"{nonce}\"{more}")])
        };
        let mut shown = |authorization: &mut Authorization| shown(authorization, &mut random);
        assert!(authorization.is_to_answer(&challenge("one", ""), 0, false));
        for count in ["nc=00000001", "nc=00000002"] {
            let header = shown(&mut authorization).unwrap();
            assert!(header.contains(count) && header.contains("nonce=\"one\""), "{header}");
        }
        assert!(authorization.is_to_answer(&challenge("two", ", stale=true"), 1, false));
        let header = shown(&mut authorization).unwrap();
        assert!(header.contains("nc=00000001") && header.contains("nonce=\"two\""), "{header}");
        assert!(!authorization.is_to_answer(&challenge("three", ", stale=true"), 2, false));
        assert!(authorization.is_to_answer(&challenge("four", ""), 0, false));
        assert!(!authorization.is_to_answer(&challenge("three", ""), 1, false));
        assert_eq!(shown(&mut authorization), None, "it was not taken, and is not shown again");
    }

    #[test]
    fn it_answers_the_first_that_it_knows_and_tells_a_password_over_tls_alone() {
        let (sha, md5) = (
            "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256",
            "Digest realm=\"r\", nonce=\"n\", algorithm=MD5",
        );
        let other = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256";
        let integrity = "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"";
        let basic = "Basic realm=\"r\"";
        for (challenges, is_tls, begins, has) in [
            (&[sha, md5][..], false, "Digest ", "algorithm=SHA-256"),
            (&[md5, sha], false, "Digest ", "algorithm=MD5"),
            (&[other, integrity, md5], false, "Digest ", "algorithm=MD5"),
            (&[basic, md5], true, "Digest ", "algorithm=MD5"),
            // printf 'Mufasa:Circle Of Life' | base64
            (&[other, basic], true, "Basic ", "TXVmYXNhOkNpcmNsZSBPZiBMaWZl"),
            (&["Basic realm=\"r\", Digest realm=\"r\", nonce=\"n\""], true, "Digest ", "response"),
        ] {
            let (mut authorization, mut random) =
                (Authorization::default(), SeededRandom::new(1, 1));
            assert!(authorization.is_to_answer(&asked(challenges), 0, is_tls), "{challenges:?}");
            let header = shown(&mut authorization, &mut random).unwrap();
            assert!(header.starts_with(begins) && header.contains(has), "{challenges:?}: {header}");
        }
        for challenges in [&[basic][..], &[other], &[integrity], &["Negotiate"], &[]] {
            let mut authorization = Authorization::default();
            assert!(!authorization.is_to_answer(&asked(challenges), 0, false), "{challenges:?}");
        }
    }
}

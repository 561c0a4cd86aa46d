//! What an `Authorization` header says.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, header};
use http_auth::ParamValue;
use http_auth::parser::ChallengeParser;
use percent_encoding::percent_decode_str;

use crate::domain::settings::Secret;
use crate::domain::{Counted, Credentials, DigestAlgorithm, DigestResponse, Presented};

/// The longest header that is read: the longest target, which a digest repeats, and as much for
/// all else.
const MOST_BYTES: usize = 4_096;

/// A header's credentials. `Err` says in words what is wrong with it.
pub(in crate::handset) type Read = Result<Presented, &'static str>;

/// `None`: there is no such header.
pub(in crate::handset) fn read(headers: &HeaderMap, method: &str) -> Option<Read> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next()?;
    if all.next().is_some() {
        return Some(Err("there are two Authorization headers"));
    }
    if value.len() > MOST_BYTES {
        return Some(Err("its Authorization header is too long"));
    }
    let Ok(text) = value.to_str() else {
        return Some(Err("its Authorization header is not ASCII"));
    };
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(rest.trim()).ok_or("its Basic credentials cannot be read"),
        "digest" => digest(rest.trim(), method).ok_or("its Digest credentials cannot be read"),
        _ => Err("its credentials are neither Basic nor Digest"),
    })
}

/// RFC 7617. Some leave the padding away.
fn basic(text: &str) -> Option<Presented> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&STANDARD, LENIENT).decode(text).ok()?;
    // What is not UTF-8 is Latin-1, of those who know no other.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect());
    let (user, password) = text.split_once(':')?;
    let (user, password) = (user.to_owned(), Secret::new(password.to_owned()));
    Some(Presented::Basic(Credentials { user, password }))
}

/// RFC 7616, section 3.4, whose parameters have the grammar of a challenge's.
fn digest(parameters: &str, method: &str) -> Option<Presented> {
    let text = format!("Digest {parameters}");
    let mut read = ChallengeParser::new(&text);
    let (Some(Ok(found)), None) = (read.next(), read.next()) else { return None };
    let mut names = Vec::with_capacity(found.params.len());
    for (name, _) in &found.params {
        // SECURITY: of two, somebody else may take the other one.
        if names.iter().any(|before: &&str| before.eq_ignore_ascii_case(name)) {
            return None;
        }
        names.push(name);
    }
    let parameter = |name: &str| {
        let same = |(other, _): &&(&str, ParamValue<'_>)| other.eq_ignore_ascii_case(name);
        found.params.iter().find(same).map(|(_, value)| value.to_unescaped())
    };
    let user = match (parameter("username"), parameter("username*")) {
        (Some(user), None) => user,
        (None, Some(extended)) => extended_value(&extended)?,
        _ => return None,
    };
    let counted = match parameter("qop").as_deref() {
        // SECURITY: of `auth-int` the body would have to be read to know whether it is the one.
        Some("auth") => {
            let (nc, cnonce) = (parameter("nc")?, parameter("cnonce")?);
            Some(Counted { nc, cnonce })
        }
        None => None,
        Some(_) => return None,
    };
    Some(Presented::Digest(Box::new(DigestResponse {
        // RFC 7616: MD5 where nothing is said.
        algorithm: match parameter("algorithm") {
            Some(name) => DigestAlgorithm::named(&name)?,
            None => DigestAlgorithm::Md5,
        },
        user,
        is_user_hashed: parameter("userhash").is_some_and(|is| is.eq_ignore_ascii_case("true")),
        realm: parameter("realm")?,
        nonce: parameter("nonce")?,
        counted,
        method: method.to_owned(),
        uri: parameter("uri")?,
        response: parameter("response")?,
    })))
}

/// `UTF-8''na%C3%AFve` (RFC 5987, section 3.2); of other character sets none.
fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    Some(percent_decode_str(encoded).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read_one(value: &[u8]) -> Read {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        read(&headers, "GET").expect("there is one")
    }

    fn digest_of(value: &str) -> Option<DigestResponse> {
        match read_one(value.as_bytes()) {
            Ok(Presented::Digest(response)) => Some(*response),
            _ => None,
        }
    }

    const WHOLE: &str = "Digest username=\"dev\", realm=\"r\", nonce=\"n\", uri=\"/a?b=1,2\", \
        algorithm=MD5, response=\"00\", qop=auth, nc=00000001, cnonce=\"c\\\"c\"";

    #[test]
    fn a_response_is_read_quoted_or_not_in_any_case_and_order() {
        for text in [
            WHOLE.to_owned(),
            WHOLE.replace("Digest ", "DIGEST   "),
            WHOLE.replace("qop=auth, nc=00000001", "NC=\"00000001\",qop=\"auth\""),
            WHOLE.replace("algorithm=MD5", "Algorithm=\"md5\""),
            WHOLE.replace("algorithm=MD5, ", ""),
            WHOLE.replace(", ", ","),
            WHOLE.replace("=", " = ").replace("b = 1", "b=1"),
            WHOLE.replace("username=\"dev\"", "username*=UTF-8''d%65v"),
            format!("{WHOLE}, opaque=\"\", more=thing,"),
        ] {
            let response = digest_of(&text).expect(&text);
            assert_eq!(response.user, "dev", "{text}");
            assert_eq!((&*response.realm, &*response.nonce), ("r", "n"), "{text}");
            assert_eq!((&*response.uri, &*response.response), ("/a?b=1,2", "00"), "{text}");
            assert_eq!(response.algorithm, DigestAlgorithm::Md5, "{text}");
            let counted = response.counted.expect(&text);
            assert_eq!((&*counted.nc, &*counted.cnonce), ("00000001", "c\"c"), "{text}");
        }
        let old = digest_of(&WHOLE.replace(", qop=auth, nc=00000001", "")).unwrap();
        assert!(old.counted.is_none());
        assert!(digest_of(&format!("{WHOLE}, userhash=true")).unwrap().is_user_hashed);
    }

    #[test]
    fn what_is_not_a_response_that_we_know_is_none() {
        for (from, to) in [
            ("qop=auth", "qop=auth-int"),
            ("qop=auth", "qop=\"auth,auth-int\""),
            ("nc=00000001, ", ""),
            (", cnonce=\"c\\\"c\"", ""),
            ("algorithm=MD5", "algorithm=MD5-sess"),
            ("algorithm=MD5", "algorithm=SHA-512-256"),
            ("username=\"dev\"", "username=\"dev\", username*=UTF-8''dev"),
            ("username=\"dev\"", "username*=ISO-8859-1''dev"),
            ("username=\"dev\"", "username*=UTF-8''%ff"),
            ("username=\"dev\", ", ""),
            ("realm=\"r\"", "realm=\"r\", realm=\"r\""),
            ("realm=\"r\", ", ""),
            ("nonce=\"n\"", "nonce=\"n"),
            ("uri=\"/a?b=1,2\", ", ""),
            ("uri=\"/a?b=1,2\"", "uri=/a"),
            ("response=\"00\", ", ""),
            ("response=\"00\"", "response=\"00\", Basic ZGV2OnM="),
            ("Digest ", "Digest"),
        ] {
            assert!(WHOLE.contains(from));
            let text = WHOLE.replace(from, to);
            assert!(digest_of(&text).is_none(), "{text}");
        }
        for text in ["", "Digest", "Basic", "Basic ????", "Basic ZGV2", "Bearer a", "Negotiate"] {
            assert!(read_one(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read_one(b"Digest username=\"\xff\"").is_err());
        assert!(read_one(format!("{WHOLE}, a={}", "a".repeat(10_000)).as_bytes()).is_err());
        let mut two = HeaderMap::new();
        for _ in 0..2 {
            two.append(header::AUTHORIZATION, HeaderValue::from_static(WHOLE));
        }
        assert!(read(&two, "GET").unwrap().is_err());
        assert!(read(&HeaderMap::new(), "GET").is_none());
    }

    #[test]
    fn a_password_is_what_is_behind_the_first_colon() {
        for (text, user, password) in [
            // printf 'dev:s3:cret' | base64
            ("Basic ZGV2OnMzOmNyZXQ=", "dev", "s3:cret"),
            ("basic  ZGV2OnMzOmNyZXQ", "dev", "s3:cret"),
            ("BASIC Og==", "", ""),
            ("Basic dGVzdDoxMjPCow==", "test", "123£"),
            ("Basic dGVzdDoxMjOj", "test", "123£"),
        ] {
            match read_one(text.as_bytes()) {
                Ok(Presented::Basic(read)) => {
                    assert_eq!((&*read.user, read.password.expose()), (user, password), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_an_end(value in "(Digest|Basic|[a-z]*)[ -~\u{a0}-\u{ff}]{0,200}") {
            crate::handset::laws::authorization(value.as_bytes());
        }

        #[test]
        fn what_a_client_says_is_read_as_it_is(user in "[ -~]{1,20}", uri in "/[!-~]{0,40}") {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let text = WHOLE.replace("dev", "USER").replace("/a?b=1,2", "URI");
            let text = text.replace("USER", &quoted(&user)).replace("URI", &quoted(&uri));
            let response = digest_of(&text).expect("it is well formed");
            prop_assert_eq!(response.user, user);
            prop_assert_eq!(response.uri, uri);
        }
    }
}

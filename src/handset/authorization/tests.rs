//! Challenges and what comes back, attacked.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use super::*;
use crate::domain::{Counted, Timestamp};

/// Bytes that no two calls have alike.
#[derive(Default)]
pub(super) struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_000_000_000 + self.0.load(Ordering::Relaxed))
    }
}

struct Tried {
    authorization: Authorization,
    clock: Arc<Hand>,
}

const FILE: &str = "/t/805ec0123456.cfg?a=1";
const HERE: [u8; 4] = [192, 0, 2, 1];

fn tried(challenge: Challenge) -> Tried {
    with(AuthorizationOptions { challenge, ..AuthorizationOptions::default() })
}

fn with(options: AuthorizationOptions) -> Tried {
    let clock = Arc::new(Hand::default());
    let random = Arc::new(Counting::default());
    Tried { authorization: Authorization::new(options, [7; 32], clock.clone(), random), clock }
}

impl Tried {
    /// What is asked of who asks from `address`, each challenge as it stands there.
    fn asked(&self, address: [u8; 4], is_stale: bool) -> Vec<String> {
        let answer = self.authorization.challenge(address.into(), is_stale);
        assert_eq!(answer.status(), 401);
        let all = answer.headers().get_all("www-authenticate").iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    fn nonce(&self) -> String {
        let asked = self.asked(HERE, false);
        let (_, nonce) = asked[0].split_once("nonce=\"").unwrap();
        nonce.split_once('"').unwrap().0.to_owned()
    }

    /// What comes of a GET of `target` with that header from `address`.
    fn shown(&self, target: &str, header: &str, address: [u8; 4], is_tls: bool) -> Shown {
        let request = Request::get(target).header("authorization", header).body(()).unwrap();
        self.authorization.read(&request, address.into(), is_tls).0
    }

    /// The same, of the file, from here, without TLS.
    fn why(&self, header: &str) -> (&'static str, bool) {
        let shown = self.shown(FILE, header, HERE, false);
        assert_eq!(shown.presented.is_some(), shown.unfit.is_empty());
        (shown.unfit, shown.is_stale)
    }
}

const FRESH: (&str, bool) = ("", false);

/// A response to that nonce, as clients write it.
fn response(nonce: &str, nc: &str) -> String {
    let digest = DigestResponse {
        algorithm: DigestAlgorithm::Md5,
        user: "dev".to_owned(),
        is_user_hashed: false,
        realm: "provisioning".to_owned(),
        nonce: nonce.to_owned(),
        counted: Some(Counted { nc: nc.to_owned(), cnonce: "c0".to_owned() }),
        method: "GET".to_owned(),
        uri: FILE.to_owned(),
        response: String::new(),
    };
    let response = digest.expected("dev", "s3cret");
    format!(
        "Digest username=\"dev\", realm=\"provisioning\", nonce=\"{nonce}\", uri=\"{FILE}\", \
         algorithm=MD5, qop=auth, nc={nc}, cnonce=\"c0\", response=\"{response}\""
    )
}

#[test]
fn each_challenge_asks_for_what_its_name_says() {
    let ask = |challenge| tried(challenge).asked(HERE, false);
    assert_eq!(ask(Challenge::Basic), ["Basic realm=\"provisioning\""]);
    let digest = |algorithm: &str, is_stale: bool| {
        // A random part of twos: the process and the first nonce had others.
        let asked = tried(Challenge::Digest).asked(HERE, is_stale);
        let (start, rest) = asked[usize::from(algorithm == "MD5")].split_once("nonce=\"").unwrap();
        let start_expected =
            format!("Digest realm=\"provisioning\", qop=\"auth\", algorithm={algorithm}, ");
        assert_eq!(start, start_expected);
        assert_eq!(&rest[43..], if is_stale { "\", stale=true" } else { "\"" });
    };
    digest("SHA-256", false);
    digest("MD5", false);
    digest("MD5", true);
    assert_eq!(ask(Challenge::Digest).len(), 2);
    assert!(ask(Challenge::DigestMd5)[0].contains("algorithm=MD5"));
    assert_eq!(ask(Challenge::DigestMd5).len(), 1);
    assert!(ask(Challenge::DigestSha256)[0].contains("algorithm=SHA-256"));
    assert_eq!(ask(Challenge::DigestSha256).len(), 1);
}

#[test]
fn a_response_is_fresh_once_for_each_count() {
    let tried = tried(Challenge::DigestMd5);
    let nonce = tried.nonce();
    assert_eq!(tried.why(&response(&nonce, "00000001")), FRESH);
    let replayed = ("its digest was used before", false);
    assert_eq!(tried.why(&response(&nonce, "00000001")), replayed);
    assert_eq!(tried.why(&response(&nonce, "0000000a")), FRESH);
    assert_eq!(tried.why(&response(&nonce, "00000009")), replayed);
    assert_eq!(tried.why(&response(&nonce, "0000000B")), FRESH);
    let presented = tried.shown(FILE, &response(&nonce, "0000000c"), HERE, false).presented;
    assert!(presented.unwrap().proves("dev", "s3cret"));
    assert_eq!(tried.why(&response(&tried.nonce(), "00000000")), replayed);
}

#[test]
fn what_is_not_of_this_request_is_refused_and_uses_nothing() {
    let tried = tried(Challenge::DigestMd5);
    let nonce = tried.nonce();
    let whole = response(&nonce, "00000001");
    for (from, to, why) in [
        (FILE, "/t/805ec0123457.cfg?a=1", "its digest is of another target"),
        (FILE, "/t/805ec0123456.cfg", "its digest is of another target"),
        (FILE, "/t/805ec0123456.cfg?a=%31", "its digest is of another target"),
        (FILE, "http://a/t/805ec0123456.cfg?a=1", "its digest is of another target"),
        ("provisioning", "Provisioning", "its credentials are for another realm"),
        ("MD5", "SHA-256", "its digest is of an algorithm that is not asked for"),
        ("MD5", "MD5-sess", "its Digest credentials cannot be read"),
        ("qop=auth", "qop=auth-int", "its Digest credentials cannot be read"),
        ("nc=00000001", "nc=1", "its nc is no count"),
        ("nc=00000001", "nc=+0000001", "its nc is no count"),
        ("nc=00000001", "nc=0000000g", "its nc is no count"),
        ("qop=auth, nc=00000001, ", "", "its digest has no qop"),
        (&*nonce, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "its nonce was made for nobody there"),
    ] {
        assert!(whole.contains(from), "{from}");
        assert_eq!(tried.why(&whole.replace(from, to)), (why, false), "{to}");
    }
    let elsewhere = tried.shown(FILE, &whole, [192, 0, 3, 1], false);
    assert_eq!(elsewhere.unfit, "its nonce was made for nobody there");
    assert_eq!(tried.why(&whole), FRESH, "none of them has used it");
}

#[test]
fn an_old_nonce_of_ours_is_stale() {
    let tried = tried(Challenge::DigestMd5);
    let nonce = tried.nonce();
    assert_eq!(tried.why(&response(&nonce, "00000001")), FRESH);
    tried.clock.0.store(301, Ordering::Relaxed);
    for count in ["00000001", "00000002"] {
        assert_eq!(tried.why(&response(&nonce, count)), ("its nonce is old", true));
    }
    assert_eq!(tried.why(&response(&tried.nonce(), "00000001")), FRESH);
}

#[test]
fn without_qop_a_nonce_counts_once_where_that_is_allowed() {
    let options = AuthorizationOptions { challenge: Challenge::DigestMd5, ..Default::default() };
    let tried = with(AuthorizationOptions { without_qop: true, ..options });
    let nonce = tried.nonce();
    let old = response(&nonce, "00000001").replace("qop=auth, nc=00000001, ", "");
    assert_eq!(tried.why(&old), FRESH);
    assert_eq!(tried.why(&old).0, "its digest was used before");
    assert_eq!(tried.why(&response(&nonce, "00000001")).0, "its digest was used before");
}

#[test]
fn the_target_is_the_one_that_was_received() {
    let tried = tried(Challenge::DigestMd5);
    let absolute = "http://gw.test:8080/t/a%2fb.cfg";
    for (target, said, is_fresh) in [
        ("/t/a%2fb.cfg", "/t/a%2fb.cfg", true),
        ("/t/a%2fb.cfg", "/t/a%2Fb.cfg", false),
        ("/t/a%2fb.cfg", "/t/a/b.cfg", false),
        (absolute, absolute, true),
        (absolute, "/t/a%2fb.cfg", true),
        (absolute, "http://gw.test:8081/t/a%2fb.cfg", false),
        (absolute, "http://gw.test:8080/t/a%2fb.cfg#", false),
        ("/", "/", true),
        ("http://gw.test", "/", true),
        ("http://gw.test", "/t/a", false),
    ] {
        let header = response(&tried.nonce(), "00000001").replace(FILE, said);
        let shown = tried.shown(target, &header, HERE, false);
        assert_eq!(shown.presented.is_some(), is_fresh, "{target} {said}: {}", shown.unfit);
    }
}

#[test]
fn a_password_is_taken_over_tls_alone_and_not_in_the_place_of_a_digest() {
    let basic = "Basic ZGV2OnMzY3JldA==";
    for challenge in [Challenge::None, Challenge::Basic] {
        let tried = tried(challenge);
        assert!(tried.shown(FILE, basic, HERE, true).presented.is_some());
        assert_eq!(tried.why(basic), ("it sent its password without TLS", false));
        let request = Request::get(FILE).body(()).unwrap();
        let (_, plain) = tried.authorization.read(&request, HERE.into(), false);
        assert!(!plain.is_challenged());
        assert_eq!(plain.response().status(), 404);
    }
    for challenge in [Challenge::DigestMd5, Challenge::DigestSha256, Challenge::Digest] {
        for is_tls in [true, false] {
            let tried = tried(challenge);
            assert!(tried.shown(FILE, basic, HERE, is_tls).presented.is_none());
            let request = Request::get(FILE).body(()).unwrap();
            let (shown, unproven) = tried.authorization.read(&request, HERE.into(), is_tls);
            assert_eq!(shown.unfit, "it presented no credentials");
            assert!(unproven.is_challenged());
            assert_eq!(unproven.response().status(), 401);
        }
    }
}

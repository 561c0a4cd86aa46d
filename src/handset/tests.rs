//! The edge behind a real listener, before a provisioner that answers by path.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::domain::Timestamp;
use crate::net::{Limits, ListenerOptions, Server, bind};
use crate::provision::{Fetch, FileOwner, Rendered, Sent};

/// Serves one file, and remembers what it was asked.
#[derive(Default)]
struct OneFile {
    asked: Mutex<Vec<Fetch>>,
}

const BODY: &str = "#!version:1.0.0.1\n";
const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

impl Provision for OneFile {
    fn wanted_headers(&self) -> Arc<[HeaderName]> {
        Arc::new([HeaderName::from_static("x-aastra-expmod1")])
    }

    async fn fetch(&self, fetch: Fetch) -> Reply {
        let target = fetch.target.clone();
        let is_wanting = is_wanting(&fetch);
        self.asked.lock().unwrap().push(fetch);
        if is_wanting {
            return Reply::Challenged;
        }
        match target.as_str() {
            "/001565123456.cfg" => {
                let changed = Timestamp::from_seconds(999_999_998);
                let file = Rendered::new(BODY.into(), "text/plain".into(), changed);
                Reply::File(Sent {
                    file: Arc::new(file),
                    owner: FileOwner::Phone,
                    at: Timestamp::from_seconds(2_000_000_000),
                })
            }
            "/busy" => Reply::Unavailable,
            "/panic" => panic!("asked to"),
            "/never" => std::future::pending().await,
            _ => Reply::Refused,
        }
    }

    /// Takes in nothing but a form.
    async fn receive<B: UploadBody>(&self, fetch: Fetch, body: &mut B) -> Receipt {
        if is_wanting(&fetch) {
            return Receipt::Challenged;
        }
        let is_form = fetch.target == "/form.cfg" && body.may_be_form();
        if !is_form || !body.drop_form(16 * 1024).await {
            return Receipt::Refused;
        }
        let asked = Fetch { target: "/001565123456.cfg".to_owned(), ..fetch };
        Receipt::Answered(self.fetch(asked).await)
    }
}

fn is_wanting(fetch: &Fetch) -> bool {
    let shown = fetch.authorization.as_ref();
    fetch.is_challenged && !shown.is_some_and(|shown| shown.proves("dev", "s3cret"))
}

struct Running {
    // Its listener and connections live as long as the runtime; held to say whose they are.
    _server: Server,
    provisioner: Arc<OneFile>,
    address: SocketAddr,
}

fn start(options: EdgeOptions) -> Running {
    let server = Server::new(Limits { tolerate_control_chars: true, ..Limits::default() }, 1);
    let provisioner = Arc::new(OneFile::default());
    let bound = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = bound.local_addr();
    let edge = Edge::new(Arc::clone(&provisioner), options);
    server.serve(bound, ListenerOptions::new(None), Arc::new(edge)).unwrap();
    Running { _server: server, provisioner, address }
}

impl Running {
    /// The whole answer to `request` on a connection of its own, without the value of `Date`.
    async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        let start = answer.find("Date: ").expect("every answer has a date") + 6;
        answer.replace_range(start..start + MODIFIED.len(), "D");
        answer
    }

    async fn get(&self, target: &str, headers: &str) -> String {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{headers}\r\n")).await
    }
}

const FILE: &str = "/001565123456.cfg";
/// `printf '#!version:1.0.0.1\n' | sha256sum`, the first half.
const TAG: &str = "\"e03dd2cad509e1085520172b233f7d94\"";
const FILE_HEAD: &str = "HTTP/1.1 200 OK\r\nEtag: \"e03dd2cad509e1085520172b233f7d94\"\r\n\
    Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nCache-Control: private, no-cache\r\n\
    Content-Type: text/plain\r\nDate: D\r\nContent-Length: 18\r\n\r\n";
const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\n\
    Etag: \"e03dd2cad509e1085520172b233f7d94\"\r\n\
    Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nCache-Control: private, no-cache\r\n\
    Date: D\r\n\r\n";
const REFUSAL: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\
    Cache-Control: no-store\r\nDate: D\r\nContent-Length: 10\r\n\r\nNot found\n";

#[tokio::test]
async fn a_file_comes_with_length_type_and_validators() {
    let running = start(EdgeOptions::new(1));
    assert_eq!(running.get(FILE, "").await, format!("{FILE_HEAD}{BODY}"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = start(EdgeOptions::new(1));
    let answer = running.ask(format!("HEAD {FILE} HTTP/1.1\r\nHost: gw.test\r\n\r\n")).await;
    assert_eq!(answer, FILE_HEAD);
}

#[tokio::test]
async fn an_absolute_target_is_served() {
    let running = start(EdgeOptions::new(1));
    let answer = running.get(&format!("http://gw.test{FILE}"), "").await;
    assert_eq!(answer, format!("{FILE_HEAD}{BODY}"));
}

#[tokio::test]
async fn a_handset_that_has_the_file_is_told_so() {
    let running = start(EdgeOptions::new(1));
    for has in [
        format!("If-None-Match: {TAG}\r\n"),
        format!("If-None-Match: \"e0\", W/{TAG}\r\n"),
        "If-None-Match: *\r\n".to_owned(),
        format!("If-Modified-Since: {MODIFIED}\r\n"),
        format!(
            "If-None-Match: {TAG}\r\nIf-Modified-Since: {}\r\n",
            "Sat, 01 Jan 2000 00:00:00 GMT"
        ),
    ] {
        assert_eq!(running.get(FILE, &has).await, NOT_MODIFIED, "{has}");
    }
    let head = format!("HEAD {FILE} HTTP/1.1\r\nHost: a\r\nIf-None-Match: {TAG}\r\n\r\n");
    assert_eq!(running.ask(head).await, NOT_MODIFIED);
}

#[tokio::test]
async fn a_handset_that_has_another_file_gets_this_one() {
    let running = start(EdgeOptions::new(1));
    for has in [
        "If-None-Match: \"e2\"\r\n".to_owned(),
        format!("If-None-Match: \"e2\"\r\nIf-Modified-Since: {MODIFIED}\r\n"),
        // A later date is a clock that is wrong, or a file that went back.
        "If-Modified-Since: Mon, 10 Sep 2001 01:46:40 GMT\r\n".to_owned(),
        "If-Modified-Since: yesterday\r\n".to_owned(),
    ] {
        assert_eq!(running.get(FILE, &has).await, format!("{FILE_HEAD}{BODY}"), "{has}");
    }
}

/// What nobody gets anything for.
const REFUSED: [&str; 12] = [
    "GET /000000000000.cfg HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
    "POST /001565123456.cfg HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT /0004f2abcdef-boot.log HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /0004f2abcdef-app.log HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
    "PUT /0004f2abcdef-app.log HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "PUT /form.cfg HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b",
    "POST /form.cfg HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nContent-Length: 3\r\n\r\na=b",
    "POST /form.cfg HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
    "DELETE /001565123456.cfg HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "BREW /coffee HTTP/1.1\r\nHost: a\r\n\r\n",
];

#[tokio::test]
async fn every_refusal_is_the_same_bytes() {
    let running = start(EdgeOptions::new(1));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(3_000));
    for request in REFUSED.into_iter().chain([&*long]) {
        assert_eq!(running.ask(request).await, REFUSAL, "{request}");
    }
    let mut options = EdgeOptions::new(1);
    options.access.allowed = ["192.0.2.0/24".parse().unwrap()].into_iter().collect();
    let closed = start(options);
    assert_eq!(closed.get(FILE, "").await, REFUSAL);
    let form = "POST /form.cfg HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b";
    assert_eq!(closed.ask(form).await, REFUSAL);
    assert!(running.ask(form).await.ends_with(BODY));
    let asked = closed.provisioner.asked.lock().unwrap();
    let allowed: Vec<bool> = asked.iter().map(|fetch| fetch.is_allowed).collect();
    assert_eq!(
        allowed,
        [false, false],
        "it is asked, for the time that takes, and told that in vain"
    );
}

#[tokio::test]
async fn a_fault_of_ours_is_503_with_a_time_to_come_again() {
    let running =
        start(EdgeOptions { answer_timeout: Duration::from_millis(50), ..EdgeOptions::new(1) });
    let unavailable = |seconds: &str| {
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
             Retry-After: {seconds}\r\nCache-Control: no-store\r\nDate: D\r\n\
             Content-Length: 16\r\n\r\nTry again later\n"
        )
    };
    for target in ["/busy", "/panic", "/never"] {
        let mut told = BTreeSet::new();
        for _ in 0..8 {
            let answer = running.get(target, "").await;
            let (_, rest) = answer.split_once("Retry-After: ").unwrap();
            let (seconds, _) = rest.split_once("\r\n").unwrap();
            assert_eq!(answer, unavailable(seconds));
            told.insert(seconds.parse::<u64>().unwrap());
        }
        assert!(told.iter().all(|seconds| (30..=60).contains(seconds)), "{target}: {told:?}");
        assert!(told.len() > 1, "{target}: a crowd must not come back as one: {told:?}");
    }
}

#[tokio::test]
async fn the_fetch_says_who_asked() {
    let mut options = EdgeOptions::new(1);
    options.access.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    let running = start(options);
    let headers = b"User-Agent: AVAYA/SIP12x0\x17/04.00.04.00\r\nX-Aastra-ExpMod1: m675i\r\n\
        X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\nCookie: a\r\n";
    let request = [b"GET /a%20b.cfg?mac=1 HTTP/1.1\r\nHost: a\r\n", &headers[..], b"\r\n"].concat();
    running.ask(request).await;
    let asked = running.provisioner.asked.lock().unwrap();
    let fetch = &asked[0];
    assert_eq!(fetch.target, "/a%20b.cfg?mac=1");
    assert_eq!(fetch.user_agent.as_deref(), Some("AVAYA/SIP12x0\u{2417}/04.00.04.00"));
    assert_eq!(fetch.headers, [("x-aastra-expmod1".to_owned(), "m675i".to_owned())]);
    assert_eq!(fetch.address.to_string(), "192.0.2.7");
    assert!(fetch.certificate.is_none());
}

fn asking(challenge: Challenge) -> EdgeOptions {
    let mut options = EdgeOptions::new(1);
    let asked = AuthorizationOptions { challenge, ..AuthorizationOptions::default() };
    let (clock, random) =
        (Arc::new(crate::ambient::SystemClock), Arc::new(crate::ambient::SystemRandom));
    options.authorization = Authorization::new(asked, [1; 32], clock, random);
    options
}

const CHALLENGE: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\n\
    Cache-Control: no-store\r\nWww-Authenticate: Digest realm=\"provisioning\", qop=\"auth\", \
    algorithm=MD5, nonce=\"N\"\r\nDate: D\r\nContent-Length: 13\r\n\r\nUnauthorized\n";

/// An answer, and the nonce it had, for which there is an N.
fn without_nonce(answer: &str) -> (String, String) {
    let (start, rest) = answer.split_once("nonce=\"").expect(answer);
    let (nonce, rest) = rest.split_at(43);
    (format!("{start}nonce=\"N{rest}"), nonce.to_owned())
}

#[tokio::test]
async fn every_request_without_credentials_gets_the_same_challenge() {
    let running = start(asking(Challenge::DigestMd5));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(3_000));
    let file = format!("GET {FILE} HTTP/1.1\r\nHost: a\r\n\r\n");
    let [basic, odd, far] = ["Basic ZGV2OnMzY3JldA==", "\u{fc}", &"a".repeat(10_000)]
        .map(|header| format!("GET {FILE} HTTP/1.1\r\nHost: a\r\nAuthorization: {header}\r\n\r\n"));
    let mut nonces = BTreeSet::new();
    for request in
        REFUSED.into_iter().chain([&*long, &file, "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n"])
    {
        let (answer, nonce) = without_nonce(&running.ask(request).await);
        assert_eq!(answer, CHALLENGE, "{request}");
        assert!(nonces.insert(nonce));
    }
    for request in [basic, odd, far] {
        assert_eq!(without_nonce(&running.ask(&request).await).0, CHALLENGE, "{request}");
    }
    let head = running.ask(format!("HEAD {FILE} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    let without_body = CHALLENGE.strip_suffix("Unauthorized\n").unwrap();
    assert_eq!(without_nonce(&head).0, without_body);
    let mut options = asking(Challenge::DigestMd5);
    options.access.allowed = ["192.0.2.0/24".parse().unwrap()].into_iter().collect();
    assert_eq!(without_nonce(&start(options).get(FILE, "").await).0, CHALLENGE);
}

/// What a client with that password says to a challenge.
fn response(nonce: &str, method: &str, target: &str, password: &str) -> String {
    let digest = crate::domain::DigestResponse {
        algorithm: crate::domain::DigestAlgorithm::Md5,
        user: "dev".to_owned(),
        is_user_hashed: false,
        realm: "provisioning".to_owned(),
        nonce: nonce.to_owned(),
        counted: Some(crate::domain::Counted { nc: "00000001".to_owned(), cnonce: "c".to_owned() }),
        method: method.to_owned(),
        uri: target.to_owned(),
        response: String::new(),
    };
    let response = digest.expected("dev", password);
    format!(
        "Authorization: Digest username=\"dev\", realm=\"provisioning\", nonce=\"{nonce}\", \
         uri=\"{target}\", qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\"\r\n"
    )
}

#[tokio::test]
async fn who_answers_the_challenge_gets_what_there_is() {
    let running = start(asking(Challenge::DigestMd5));
    let nonce = async || without_nonce(&running.get(FILE, "").await).1;
    let proof = async |method, target, password| response(&nonce().await, method, target, password);
    let right = proof("GET", FILE, "s3cret").await;
    assert_eq!(running.get(FILE, &right).await, format!("{FILE_HEAD}{BODY}"));
    assert_eq!(without_nonce(&running.get(FILE, &right).await).0, CHALLENGE, "it was used");
    assert_eq!(running.get("/a", &proof("GET", "/a", "s3cret").await).await, REFUSAL);
    for wrong in [
        proof("GET", FILE, "S3cret").await,
        proof("HEAD", FILE, "s3cret").await,
        proof("GET", "/001565123457.cfg", "s3cret").await,
        [proof("GET", FILE, "s3cret").await, proof("GET", FILE, "s3cret").await].concat(),
    ] {
        assert_eq!(without_nonce(&running.get(FILE, &wrong).await).0, CHALLENGE, "{wrong}");
    }
    let form = async |headers: &str| {
        let head = "POST /form.cfg HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n";
        running.ask(format!("{head}{headers}\r\na=b")).await
    };
    assert_eq!(without_nonce(&form("").await).0, CHALLENGE);
    let answer = form(&proof("POST", "/form.cfg", "s3cret").await).await;
    assert_eq!(answer, format!("{FILE_HEAD}{BODY}"));
    let put = proof("PUT", "/a.log", "s3cret").await;
    let put = format!("PUT /a.log HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n{put}\r\nhello");
    assert_eq!(running.ask(put).await, REFUSAL);
}

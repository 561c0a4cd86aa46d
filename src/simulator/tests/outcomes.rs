//! What a phone makes of what a gateway does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::request::Parts;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::gateway::{Gateway, Reply, ok, status};
use super::*;
use crate::simulator::lab::{Expect, Phase};
use crate::simulator::sample::Ending;

const CONFIG: &str = "#!acme\nline.1.user = 1001\nline.1.server = pbx\nline.1.password = x\n";

fn serving(config: &'static str) -> impl Fn(&Parts, usize) -> Reply {
    move |head, _| match head.uri.path() {
        path if path.ends_with(".cfg") => ok(config),
        path if path.ends_with(".xml") => {
            ok("<phone><line no=\"1\"><user>2</user><server>pbx</server></line></phone>")
        }
        _ => status(404),
    }
}

/// One boot of `count` phones; what came of it.
async fn boot(gateway: &Gateway, count: usize, mix: &str, expect: Expect) -> Phase {
    let (lab, phones) = lab(&gateway.url, count, mix, None).await;
    lab.boot_all("boot", phones, Duration::ZERO, &expect).await.1
}

async fn failure(gateway: &Gateway, mix: &str) -> String {
    let phase = boot(gateway, 1, mix, Expect::configured()).await;
    assert_eq!((phase.figures.failed, phase.figures.unexpected), (1, 1));
    let errors = phase.figures.errors;
    errors.into_iter().find(|(kind, _)| kind != "unexpected outcome").unwrap().1.example
}

#[tokio::test]
async fn a_phone_asks_in_its_familys_order_on_one_connection_and_ends_configured() {
    let gateway = Gateway::start(serving(CONFIG)).await;
    let expect = Expect::new(|_, outcome| match outcome {
        crate::simulator::boot::BootOutcome::Configured(line)
            if (line.user.as_str(), line.registrar.as_str()) == ("1001", "pbx") =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let phase = boot(&gateway, 1, "a1", expect).await;
    assert_eq!((phase.figures.configured, phase.figures.unexpected), (1, 0));
    let asked = gateway.asked();
    let mac = asked[0].path["/p/".len()..].strip_suffix(".boot").unwrap().to_owned();
    assert_eq!(
        gateway.paths(),
        [format!("GET /p/{mac}.boot"), format!("GET /p/{mac}.cfg"), format!("PUT /p/{mac}.log")]
    );
    assert!(asked.iter().all(|asked| asked.connection == 0));
    assert!(!asked[2].body.is_empty());
    let parsed: crate::domain::Mac = mac.parse().unwrap();
    let agent =
        |version: &str| Some(format!("Acme A1/{version} {}", parsed.colon_upper().to_lowercase()));
    let agents: Vec<_> = asked.iter().map(|own| own.header("user-agent")).collect();
    assert_eq!(agents, [agent("0.9").as_deref(), agent("1.2").as_deref(), None]);
    let endings = |file: usize| phase.figures.files[&file].endings.clone();
    assert_eq!(endings(0).into_iter().collect::<Vec<_>>(), [(Ending::Refused, 1)]);
    assert_eq!(endings(1).into_iter().collect::<Vec<_>>(), [(Ending::Served, 1)]);
}

#[tokio::test]
async fn a_family_that_closes_has_a_connection_for_each_request_and_its_case() {
    let gateway = Gateway::start(serving(CONFIG)).await;
    let phase = boot(&gateway, 1, "xml", Expect::configured()).await;
    assert_eq!(phase.figures.unexpected, 0);
    let asked = gateway.asked();
    assert_eq!(asked.iter().map(|asked| asked.connection).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(asked[0].header("connection"), Some("close"));
    assert!(asked[0].path.starts_with("/p/base00A0BC"), "{}", asked[0].path);
}

#[tokio::test]
async fn a_phone_with_http_1_0_says_so_and_has_a_connection_for_each_request() {
    let gateway = Gateway::start(|head, _| match head.method {
        http::Method::GET => ok("line.1.user = 1001\nline.1.server = pbx\nline.1.password = x\n"),
        _ => status(404),
    })
    .await;
    let phase = boot(&gateway, 1, "old", Expect::configured()).await;
    assert_eq!((phase.figures.configured, phase.figures.unexpected), (1, 0));
    let asked = gateway.asked();
    assert_eq!(asked.iter().map(|own| own.connection).collect::<Vec<_>>(), [0, 1]);
    for own in asked {
        assert_eq!(own.version, http::Version::HTTP_10);
        assert_eq!((own.header("host"), own.header("connection")), (None, None));
        assert_eq!(own.header("content-length").is_some(), own.method == "PUT");
    }
}

#[tokio::test]
async fn a_phone_with_http_1_0_cannot_read_chunks() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answering = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let body = "line.1.user = 1\nline.1.server = pbx\nline.1.password = x\n";
        let answer = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    };
    let (lab, phones) = lab(&url, 1, "old", None).await;
    let expect = Expect::anything();
    let booting = lab.boot_all("boot", phones, Duration::ZERO, &expect);
    let (_, (_, phase)) = tokio::join!(answering, booting);
    assert!(phase.figures.errors.contains_key("malformed answer"), "{:?}", phase.figures.errors);
}

#[tokio::test]
async fn the_second_boot_asks_whether_anything_changed() {
    let gateway = Gateway::start(|head, _| {
        if head.headers.contains_key("if-none-match") {
            return status(304);
        }
        let mut reply = serving(CONFIG)(head, 0);
        reply.headers_mut().insert("etag", "\"1\"".parse().unwrap());
        let modified = "Mon, 01 Jan 2024 00:00:00 GMT";
        reply.headers_mut().insert("last-modified", modified.parse().unwrap());
        reply
    })
    .await;
    let (lab, phones) = lab(&gateway.url, 1, "a1", None).await;
    let (phones, _) = lab.boot_all("1", phones, Duration::ZERO, &Expect::configured()).await;
    let (_, second) = lab.boot_all("2", phones, Duration::ZERO, &Expect::configured()).await;
    assert_eq!((second.figures.configured, second.figures.unexpected), (1, 0));
    let asked = gateway.asked();
    assert_eq!(asked[1].header("if-none-match"), None);
    // The file that was refused has nothing to be compared with.
    assert_eq!(asked[3].header("if-none-match"), None);
    assert_eq!(asked[4].header("if-none-match"), Some("\"1\""));
    assert_eq!(asked[4].header("if-modified-since"), Some("Mon, 01 Jan 2024 00:00:00 GMT"));
}

#[tokio::test]
async fn a_phone_that_forgets_asks_for_all_of_it() {
    let gateway = Gateway::start(|head, _| {
        let mut reply = serving(CONFIG)(head, 0);
        reply.headers_mut().insert("etag", "\"1\"".parse().unwrap());
        reply
    })
    .await;
    let (lab, phones) = lab(&gateway.url, 1, "a1", None).await;
    let mut lab = Arc::into_inner(lab).unwrap();
    lab.habits.forgets = true;
    let lab = Arc::new(lab);
    let (phones, _) = lab.boot_all("1", phones, Duration::ZERO, &Expect::configured()).await;
    lab.boot_all("2", phones, Duration::ZERO, &Expect::configured()).await;
    assert!(gateway.asked().iter().all(|asked| asked.header("if-none-match").is_none()));
}

#[tokio::test]
async fn phones_that_are_refused_everything_are_refused() {
    let gateway = Gateway::start(|_, _| status(404)).await;
    let phase = boot(&gateway, 20, "", Expect::refused()).await;
    assert_eq!((phase.figures.refused, phase.figures.unexpected), (20, 0));
}

#[tokio::test]
async fn half_a_configuration_is_a_failure() {
    let gateway = Gateway::start(|head, _| match head.uri.path().contains("/base") {
        true => ok("<phone/>"),
        false => status(403),
    })
    .await;
    assert!(failure(&gateway, "x1").await.contains("1 of 2 files it needs were refused"));
}

#[tokio::test]
async fn a_file_the_phone_cannot_read_is_a_failure() {
    let gateway = Gateway::start(serving("line.1.user = 1001\n")).await;
    assert!(failure(&gateway, "a1").await.contains("the first line is `line.1.user = 1001`"));
    let gateway = Gateway::start(|_, _| ok("<phone>")).await;
    assert!(failure(&gateway, "x1").await.contains("not well-formed XML"));
    let gateway = Gateway::start(serving("#!acme\nline.1.user = 1001\n")).await;
    assert!(failure(&gateway, "a1").await.contains("no line it could register with"));
}

#[tokio::test]
async fn trouble_is_asked_again_and_then_given_up() {
    let gateway = Gateway::start(|head, before| match before {
        0 | 2 => status(503),
        _ => serving(CONFIG)(head, 0),
    })
    .await;
    let phase = boot(&gateway, 1, "a1", Expect::configured()).await;
    assert_eq!(phase.figures.unexpected, 0);
    assert_eq!(phase.figures.files[&0].endings[&Ending::Trouble], 1);
    assert_eq!(gateway.asked().len(), 5);

    let gateway = Gateway::start(|_, _| status(500)).await;
    assert!(failure(&gateway, "a1").await.ends_with(".boot: status 500"));
    assert_eq!(gateway.asked().len(), 3, "the first attempt and two more");
}

/// One boot of `count` phones that know several targets; what came of it.
async fn boot_at(urls: &[&str], count: usize) -> Phase {
    let (mut lab, phones) = lab(urls[0], count, "a1", None).await;
    let mut targets = Vec::new();
    for url in urls {
        targets.push(GatewayUrl::resolve(url, false).await.unwrap());
    }
    let own = Arc::get_mut(&mut lab).unwrap();
    own.dialer = Dialer::new(targets, DialOptions::default()).unwrap();
    own.habits.retries = Some(0);
    lab.boot_all("boot", phones, Duration::ZERO, &Expect::configured()).await.1
}

#[tokio::test]
async fn a_phone_turns_to_the_next_target_when_one_is_away_or_not_ready() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}/");
    let unready = Gateway::start(|_, _| status(503)).await;
    let good = Gateway::start(serving(CONFIG)).await;
    let phase = boot_at(&[&closed, &unready.url, &good.url], 6).await;
    assert_eq!((phase.figures.configured, phase.figures.unexpected), (6, 0));
    // A third began with the good one, and what was found stays for the rest of the boot.
    assert_eq!(phase.figures.needed_another, 4);
    assert_eq!((unready.asked().len(), good.asked().len()), (4, 18));

    let phase = boot_at(&[&closed, &unready.url], 2).await;
    assert_eq!((phase.figures.failed, phase.figures.needed_another), (2, 2));
}

#[tokio::test]
async fn a_refusal_of_one_target_is_a_refusal() {
    let refusing = Gateway::start(|_, _| status(404)).await;
    let good = Gateway::start(serving(CONFIG)).await;
    let phase = boot_at(&[&refusing.url, &good.url], 2).await;
    let figures = phase.figures;
    assert_eq!((figures.refused, figures.configured, figures.needed_another), (1, 1, 0));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_a_failure_by_name() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (lab, phones) = lab(&format!("http://{free}/"), 1, "x1", None).await;
    let (_, phase) = lab.boot_all("boot", phones, Duration::ZERO, &Expect::refused()).await;
    assert_eq!((phase.figures.failed, phase.figures.unexpected), (1, 1));
    assert!(phase.figures.errors.contains_key("connect"), "{:?}", phase.figures.errors);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_a_failure_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (mut lab, phones) = lab(&url, 1, "x1", None).await;
    let options = DialOptions { answer_timeout: Duration::from_millis(50), ..Default::default() };
    let target = GatewayUrl::resolve(&url, false).await.unwrap();
    Arc::get_mut(&mut lab).unwrap().dialer = Dialer::new(vec![target], options).unwrap();
    let (_, phase) = lab.boot_all("boot", phones, Duration::ZERO, &Expect::anything()).await;
    assert!(phase.figures.errors.contains_key("answer timeout"), "{:?}", phase.figures.errors);
}

#[tokio::test]
async fn a_connection_that_ended_while_it_waited_is_replaced() {
    // Closed without a word after each answer: the phone may find out only as it asks again.
    let closing = AtomicBool::new(true);
    let gateway = Gateway::start(move |head, before| {
        let mut reply = serving(CONFIG)(head, before);
        if closing.load(Ordering::SeqCst) {
            reply.headers_mut().insert("connection", "close".parse().unwrap());
        }
        reply
    })
    .await;
    let phase = boot(&gateway, 4, "a1", Expect::configured()).await;
    assert_eq!(phase.figures.unexpected, 0);
    let connections = gateway.asked().iter().map(|asked| asked.connection).max().unwrap();
    assert_eq!(connections, 11, "three requests of four phones");
}

#[tokio::test]
async fn more_phones_than_connections_wait_and_the_wait_is_latency() {
    let gateway = Gateway::start(serving(CONFIG)).await;
    let phase = boot(&gateway, 200, "acme=1,xml=1", Expect::configured()).await;
    assert_eq!((phase.figures.configured, phase.figures.unexpected), (200, 0));
    let slowest = phase.figures.files.values().map(|file| file.latency.max_ms());
    assert!(slowest.fold(0.0, f64::max) <= phase.figures.boot.max_ms());
    assert_eq!(phase.figures.boot.count(), 200);
}

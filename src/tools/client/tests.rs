use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::domain::ErrorChain;

/// Answers one connection with `answer` and gives back what was asked.
async fn gateway(answer: &'static str) -> (AdminUrl, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        while !asked.ends_with('}') {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).await.unwrap();
            asked.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        asked
    });
    (url, asked)
}

fn promote() -> Call {
    Call::new("promote", "phone", "promote 0004f20102030".to_owned())
        .scope("phoneid", "0004f20102030".to_owned())
        .value("company", None::<String>)
}

async fn answered(answer: &'static str) -> Result<Value, ClientError> {
    let (url, _asked) = gateway(answer).await;
    Client::new(url, Some("dt_key".to_owned()), None, None).unwrap().call(&promote()).await
}

#[tokio::test]
async fn a_call_is_one_request_with_the_key_in_its_body() {
    let (url, asked) = gateway(
        "HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{\"result\":\"success\",\"numrows\":1}",
    )
    .await;
    let client = Client::new(url.clone(), Some("dt_key".to_owned()), None, None).unwrap();
    let reply = client.call(&promote()).await.unwrap();
    assert_eq!(reply, json!({ "result": "success", "numrows": 1 }));
    let asked = asked.await.unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /rest/dialplan/promote/phone HTTP/1.1\r\n"), "{head}");
    let host = url.to_string().replace("http://", "host: ");
    assert!(head.to_ascii_lowercase().contains(&host), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let expected = json!({
        "type": "phone",
        "auth": { "type": "auth", "key": "dt_key" },
        "scope": { "phoneid": "0004f20102030" },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_refusal_is_the_gateway_s_words_behind_the_attempt() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n{\"result\":\"fail\",\"message\":\"Phone not\\u0007 found\"}";
    let error = answered(answer).await.unwrap_err();
    // Cut at the length given: not JSON any more.
    assert!(matches!(error, ClientError::Strange { .. }), "{error}");
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"result\":\"fail\",\"message\":\"Phone not\\u0007 found\"}";
    let error = answered(answer).await.unwrap_err();
    assert_eq!(error.to_string(), "promote 0004f20102030: Phone not\\u{7} found");
}

#[tokio::test]
async fn something_else_at_the_address_is_not_taken_for_the_api() {
    let error =
        answered("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops").await.unwrap_err();
    assert!(error.to_string().contains("answered with status 404 Not Found"), "{error}");
    let success = "HTTP/1.1 500 Oops\r\nContent-Length: 20\r\n\r\n{\"result\":\"success\"}";
    assert!(matches!(answered(success).await, Err(ClientError::Strange { .. })));
}

#[tokio::test]
async fn a_broken_answer_says_that_it_may_have_been_done() {
    let error = answered("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{").await.unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    assert!(error.to_string().contains("may or may not have been done"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: AdminUrl = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = Client::new(url.clone(), Some("k".to_owned()), None, None).unwrap();
    let error = client.call(&promote()).await.unwrap_err();
    let told = ErrorChain(&error).to_string();
    assert!(told.starts_with(&format!("cannot connect to {url}: Connection refused")), "{told}");
}

#[test]
fn https_needs_an_authority_that_can_be_used() {
    let url: AdminUrl = "https://127.0.0.1".parse().unwrap();
    let error = |authorities| {
        Client::new(url.clone(), Some("k".to_owned()), authorities, None).unwrap_err()
    };
    assert!(error(None).to_string().contains("--ca FILE"));
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(error(Some(empty.path())).to_string().contains("no certificate in it"));
}

#[test]
fn the_key_is_not_shown() {
    let client =
        Client::new("http://x".parse().unwrap(), Some("dt_key".to_owned()), None, None).unwrap();
    assert!(!format!("{client:?}").contains("dt_key"));
}

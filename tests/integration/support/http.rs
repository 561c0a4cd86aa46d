//! A client as plain as a handset: one request, one connection, the whole answer.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::canary;

/// Longer than any answer takes on a loaded machine; a test that waits this long has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    /// The headers in order, names in lower case, without `date`.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

/// One request with `Connection: close`. `None`: the peer went away without an answer.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    exchange(connect(address).ok()?, method, target, headers, body)
}

/// Does as [`request`], over a connection that is there, of TLS for example.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    canary::learn_request(target, headers, body);
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let answer = parse(&bytes)?;
    canary::check_answer(target, &answer);
    Some(answer)
}

/// Reads time out.
pub(crate) fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Does as [`connect`], from another of this machine's addresses (127.0.0.0/8 has 16 million).
pub(crate) fn connect_from(source: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect(&address.into())?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    Ok(socket.into())
}

/// All answers to `bytes` on one connection, until the gateway closes it.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).expect("the gateway accepts");
    stream.write_all(bytes).expect("the gateway reads");
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("the gateway closes the connection");
    String::from_utf8(answers).expect("the answers are text")
}

/// A handset's GET.
pub(crate) fn get(address: SocketAddr, target: &str, user_agent: Option<&str>) -> Answer {
    let headers: Vec<(&str, &str)> =
        user_agent.map(|text| ("User-Agent", text)).into_iter().collect();
    request(address, "GET", target, &headers, b"").expect("the gateway answers")
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| name != "date")
        .collect();
    let body = bytes[end + 4..].to_vec();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let is_chunked =
        headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let complete = length.is_none_or(|(_, length)| length.parse() == Ok(body.len()))
        && (!is_chunked || body.ends_with(b"0\r\n\r\n"));
    // A cut answer was not given; HEAD and 304 announce a body they do not have.
    (complete || body.is_empty()).then_some(Answer { status, headers, body })
}

/// The data of chunks (RFC 9112 section 7.1), and how many there were.
pub(crate) fn unchunked(mut rest: &[u8]) -> (Vec<u8>, usize) {
    let (mut data, mut chunks) = (Vec::new(), 0);
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let (chunk, after) = rest[end + 2..].split_at(length);
        rest = after.strip_prefix(b"\r\n").expect("a chunk's end");
        if length == 0 {
            assert_eq!(rest, b"", "nothing comes behind the last chunk");
            return (data, chunks);
        }
        data.extend(chunk);
        chunks += 1;
    }
}

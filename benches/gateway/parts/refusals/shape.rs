//! What a request shows besides: requests of one shape are to be refused in one time.

use dialtone::domain::Mac;

use super::state::State;
use crate::lab::FOUR_AGENT;

/// A token that nobody has.
const TOKEN: &str = "zfqnd6sbj3tb5h2sxavwmrkceuo7pgiy";

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing; a file that its type has not.
    Plain,
    /// Nothing; the file that its type asks for first.
    FirstFile,
    WrongToken,
    /// Wrong credentials, as a listener takes them over TLS.
    WrongBasic,
    WrongDigest,
}

/// What a client knows of a challenge.
#[derive(Debug, Clone, Default)]
pub(super) struct Nonce {
    text: String,
    uses: u32,
}

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::Plain => "shows nothing",
            Shape::FirstFile => "shows nothing, first file",
            Shape::WrongToken => "wrong token",
            Shape::WrongBasic => "wrong password",
            Shape::WrongDigest => "wrong digest",
        }
    }

    /// Whether its sender waits for the refusal, so that many may be asked at a time.
    pub(super) fn waits(self) -> bool {
        matches!(self, Shape::WrongBasic | Shape::WrongDigest)
    }

    pub(super) fn can_be(self, state: State) -> bool {
        match self {
            // It would get it, and without a MAC that is another file.
            Shape::FirstFile => !matches!(state, State::NoSuchFile | State::WithoutMac),
            // The others are refused like these, and take their time.
            Shape::WrongBasic | Shape::WrongDigest => {
                !matches!(state, State::OverQuota | State::WithoutMac | State::ForbiddenNetwork)
            }
            Shape::Plain | Shape::WrongToken => true,
        }
    }

    /// All alike but for the MAC.
    pub(super) fn target(self, mac: Option<Mac>) -> String {
        let mac = mac.map_or_else(|| "zzzzzzzzzzzz".to_owned(), |mac| mac.to_string());
        match self {
            Shape::FirstFile => format!("/{mac}.cfg"),
            Shape::WrongToken => format!("/{TOKEN}/{mac}-calls.xml"),
            _ => format!("/{mac}-calls.xml"),
        }
    }

    pub(super) fn request(self, mac: Option<Mac>, nonce: &mut Nonce) -> String {
        let target = self.target(mac);
        let authorization = match self {
            Shape::Plain | Shape::FirstFile | Shape::WrongToken => String::new(),
            // user:wrong
            Shape::WrongBasic => "Authorization: Basic dXNlcjp3cm9uZw==\r\n".to_owned(),
            Shape::WrongDigest => nonce.answer(&target),
        };
        format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {FOUR_AGENT}\r\n{authorization}\r\n"
        )
    }
}

impl Nonce {
    /// That of an answer that has one.
    pub(super) fn of(answer: &[u8]) -> Option<Nonce> {
        let answer = String::from_utf8_lossy(answer);
        let (_, rest) = answer.split_once("nonce=\"")?;
        let (text, _) = rest.split_once('"')?;
        Some(Nonce { text: text.to_owned(), uses: 0 })
    }

    /// A header with a wrong response to it; none without a nonce.
    fn answer(&mut self, target: &str) -> String {
        let Nonce { text, uses } = self;
        if text.is_empty() {
            return String::new();
        }
        *uses += 1;
        format!(
            "Authorization: Digest username=\"user\", realm=\"provisioning\", nonce=\"{text}\", \
             uri=\"{target}\", algorithm=MD5, qop=auth, nc={uses:08x}, cnonce=\"c\", \
             response=\"0123456789abcdef0123456789abcdef\"\r\n"
        )
    }
}

/// The answer without what differs from one to the next of the same state: date and nonce.
pub(super) fn comparable(answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer);
    let lines = answer.split_inclusive("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("date")
    });
    lines
        .map(|line| match (line.split_once("nonce=\""), Nonce::of(line.as_bytes())) {
            (Some((before, rest)), Some(nonce)) => {
                format!("{before}nonce=\"N{}", &rest[nonce.text.len()..])
            }
            _ => line.to_owned(),
        })
        .collect()
}

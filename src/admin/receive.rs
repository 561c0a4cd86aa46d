//! Receiving the bodies of requests: who may send how much.
//!
//! Credentials stand in the body itself, and may stand at its end, so a body comes before it is
//! known who sends it. Anybody may send a short one. A long one, up to the limit, is for callers
//! who are known by the head, from a session or an `Authorization`; whoever is not has few places
//! for long ones, a short time, and a count by network of those that were sent in vain.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::sleep;

use super::answer::{AnswerBody, Fail, respond};

use crate::domain::{UserId, subscriber};
use crate::net::body::{BodyError, BodyReader};
use crate::registry::{Rate, RateLimiter};
use crate::throttle::{Turn, Turns};

/// A body of this length, in bytes, is short: what it may hold takes below a millisecond to parse.
pub(super) const SHORT: usize = 16 * 1024;

/// Long bodies at a time of one user and of all: 32 MiB of the default limit.
const OF_A_USER: (usize, usize) = (4, 32);
/// Long bodies at a time of a network (IPv6: a /64) and of all, from callers not yet known.
const OF_A_NETWORK: (usize, usize) = (2, 16);
/// How long one of those may take to come: a mebibyte at 1 Mbit/s.
const TIME: Duration = Duration::from_secs(10);
/// How long a caller waits for a place.
const PLACE_TIMEOUT: Duration = Duration::from_secs(5);

/// Those a network may send that hold no credentials: twenty, then six a minute.
const IN_VAIN: Rate = Rate { burst: 20, interval: Duration::from_secs(10) };
/// Networks that are counted, some 500 kB.
const MOST_NETWORKS: usize = 10_000;

/// So many times the limit of a body that is too long is read and thrown away.
const PASSED_OVER: usize = 8;

/// Receives bodies of up to a limit.
pub(super) struct Receiver {
    limit: usize,
    of_users: Turns<UserId>,
    of_networks: Turns<IpAddr>,
    // A std lock: held for look-ups, never across an await.
    in_vain: Mutex<RateLimiter<IpAddr>>,
}

/// A body that was received.
pub(super) struct Received {
    pub bytes: Bytes,
    /// The network that is counted until its sender turns out to be somebody.
    counted: Option<IpAddr>,
    _place: Option<HeldTurn>,
}

enum HeldTurn {
    OfUser { _turn: Turn<UserId> },
    OfNetwork { _turn: Turn<IpAddr> },
}

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the body could not be read")]
    Broken(#[from] BodyError),
    #[error(
        "the body did not come within {} s: {SIGN_IN_FIRST}",
        TIME.as_secs()
    )]
    TooSlow,
    #[error("too many bodies over {SHORT} bytes at once: {SIGN_IN_FIRST}")]
    Busy,
    #[error(
        "too many bodies over {SHORT} bytes without valid credentials, try again in {wait_s} s: \
         {SIGN_IN_FIRST}"
    )]
    InVain { wait_s: u64 },
}

const SIGN_IN_FIRST: &str =
    "a session's cookie, or a key as Authorization: Bearer KEY, is not held to this";

impl Received {
    /// What a GET has: no body.
    pub(super) fn nothing() -> Received {
        Received { bytes: Bytes::new(), counted: None, _place: None }
    }
}

impl Receiver {
    /// A receiver of bodies of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Receiver {
        Receiver {
            limit,
            of_users: Turns::new(OF_A_USER.0, OF_A_USER.1),
            of_networks: Turns::new(OF_A_NETWORK.0, OF_A_NETWORK.1),
            in_vain: Mutex::new(RateLimiter::new(IN_VAIN, MOST_NETWORKS)),
        }
    }

    /// Receives a body of `user`, when it is known already who that is, from `address`; `now` is
    /// of [`crate::ambient::Clock::uptime`].
    ///
    /// # Errors
    /// As [`ReceiveError`] says. What was still to come is read and thrown away, within reason.
    pub(super) async fn receive(
        &self,
        body: Incoming,
        user: Option<UserId>,
        address: IpAddr,
        now: Duration,
    ) -> Result<Received, ReceiveError> {
        let mut reader = BodyReader::new(body);
        if reader.read_up_to(SHORT.min(self.limit)).await? {
            return Ok(Received { bytes: reader.into_bytes(), counted: None, _place: None });
        }
        let received = match user {
            Some(user) => self.of_user(&mut reader, user).await,
            None => self.of_stranger(&mut reader, subscriber(address), now).await,
        };
        match received {
            Ok((place, counted)) => {
                Ok(Received { bytes: reader.into_bytes(), counted, _place: Some(place) })
            }
            Err(error) => {
                if !matches!(error, ReceiveError::TooSlow) {
                    reader.pass_over(self.limit.saturating_mul(PASSED_OVER)).await;
                }
                Err(error)
            }
        }
    }

    /// Takes note that the sender of a body was somebody after all.
    pub(super) fn was_known(&self, received: &Received) {
        if let Some(network) = &received.counted {
            self.in_vain.lock().unwrap_or_else(PoisonError::into_inner).give_back(network);
        }
    }

    async fn of_user(
        &self,
        reader: &mut BodyReader,
        user: UserId,
    ) -> Result<(HeldTurn, Option<IpAddr>), ReceiveError> {
        let turn =
            self.of_users.wait(user, sleep(PLACE_TIMEOUT)).await.map_err(|_| ReceiveError::Busy)?;
        self.read(reader).await?;
        Ok((HeldTurn::OfUser { _turn: turn }, None))
    }

    async fn of_stranger(
        &self,
        reader: &mut BodyReader,
        network: IpAddr,
        now: Duration,
    ) -> Result<(HeldTurn, Option<IpAddr>), ReceiveError> {
        let turn = self
            .of_networks
            .wait(network, sleep(PLACE_TIMEOUT))
            .await
            .map_err(|_| ReceiveError::Busy)?;
        {
            let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
            in_vain.check(&network, now).map_err(|wait| ReceiveError::InVain {
                wait_s: wait.as_secs_f64().ceil() as u64,
            })?;
            in_vain.count(network, now);
        }
        let reading = tokio::time::timeout(TIME, self.read(reader));
        reading.await.map_err(|_| ReceiveError::TooSlow)??;
        Ok((HeldTurn::OfNetwork { _turn: turn }, Some(network)))
    }

    async fn read(&self, reader: &mut BodyReader) -> Result<(), ReceiveError> {
        let is_whole = reader.read_up_to(self.limit).await?;
        if is_whole { Ok(()) } else { Err(ReceiveError::TooLong { limit: self.limit }) }
    }
}

impl ReceiveError {
    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let status = match self {
            ReceiveError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ReceiveError::Broken(_) => StatusCode::BAD_REQUEST,
            ReceiveError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            // Clients of this API read no message beside another status.
            ReceiveError::Busy | ReceiveError::InVain { .. } => StatusCode::OK,
        };
        respond(status, &Fail::new(self.to_string()))
    }
}

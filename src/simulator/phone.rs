//! One virtual handset: its boot, request by request, and what it remembers from the last.
//!
//! A boot asks for the files of its type in order, each over again (after a growing pause) while
//! the gateway cannot be had; where there are several, first of the others, at once. A phone that has
//! credentials answers who asks for them, and asks a second time where its nonce was stale. A refused file
//! that is optional is nothing; when all that it needs for its configuration are refused, so is the
//! phone. What is served is read at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, StatusCode, header};
use rustls::ClientConfig;
use tokio::time::sleep;

use super::authorization::Authorization;
use super::boot::{Boot, BootOutcome};
use super::boot_request::BootRequest;
use super::connection::{Answer, Body, Connection, MOST_BODY};
use super::dial::Dialer;
use super::error::{BootError, ExchangeError};
use super::fleet::Member;
use super::gateway_url::GatewayUrl;
use super::measure::Live;
use super::read_config::{Lines, Unreadable};
use super::sample::{Ending, ErrorKind, Sample};
use super::seeded_random::SeededRandom;
use crate::catalogue::{Conditional, RequestShape, StepDoes};
use crate::domain::Credentials;

/// Lives as long as its fleet; a boot needs it alone.
#[derive(Debug)]
pub struct Phone {
    /// Who it is.
    pub member: Member,
    /// Its place in the fleet, which decides its source address.
    number: usize,
    tls: Option<Arc<ClientConfig>>,
    /// What the gateway said of each file when it last served it.
    validators: Vec<Validators>,
    lines: Lines,
    authorization: Authorization,
    random: SeededRandom,
    /// When its last boot ended.
    free_since: Option<Instant>,
}

#[derive(Debug, Clone, Default)]
struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// What a run changes about how all its phones behave.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// Instead of the family's.
    pub retries: Option<u8>,
    /// The pause before the first attempt more, instead of the family's; it doubles each time.
    pub retry_delay: Option<Duration>,
    /// Forgets what it has before a boot, like a phone after a factory reset.
    pub forgets: bool,
    /// What it shows who asks for a user and a password; `None`: nothing.
    pub credentials: Option<Arc<Credentials>>,
}

/// A gateway that asks for more patience than this waits in vain: the phone's own
/// pause counts then.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What became of one file.
enum Got {
    Served,
    Kept,
    Refused,
}

impl Phone {
    /// A phone that has not booted yet; `number` is its place in the fleet.
    #[must_use]
    pub fn new(member: Member, number: usize, seed: u64, tls: Option<Arc<ClientConfig>>) -> Phone {
        let files = member.model.boot.requests.len();
        Phone {
            number,
            tls,
            validators: vec![Validators::default(); files],
            lines: Lines::default(),
            authorization: Authorization::default(),
            random: SeededRandom::new(seed, member.mac.bits()),
            free_since: None,
            member,
        }
    }

    /// Boots once. `due` is when it should have begun: latency counts from there.
    pub async fn boot(
        &mut self,
        dialer: &Dialer,
        habits: &Habits,
        live: &Live,
        due: Instant,
    ) -> Boot {
        // What its own last boot took longer than its period is not the simulator's delay.
        let lag = self.free_since.map_or(due, |free| free.max(due)).elapsed();
        if habits.forgets {
            self.validators.fill(Validators::default());
            self.lines = Lines::default();
            self.authorization.forget();
        }
        let mut run = Run {
            dialer,
            habits,
            live,
            samples: Vec::new(),
            connection: None,
            // As a resolver gives its answers, to each phone another one first.
            target: self.number,
            moves: 0,
            wanted: due,
        };
        let outcome = match self.files(&mut run).await {
            Ok(outcome) => outcome,
            Err(failure) => BootOutcome::Failed(failure),
        };
        let Run { samples, connection, moves, .. } = run;
        let latency = due.elapsed();
        if let Some(connection) = connection {
            connection.close().await;
        }
        self.free_since = Some(Instant::now());
        Boot { outcome, samples, lag, latency, needed_another: moves > 0 }
    }

    async fn files(&mut self, run: &mut Run<'_>) -> Result<BootOutcome, BootError> {
        let model = Arc::clone(&self.member.model);
        let (mut needed, mut refused, mut has_settings) = (0, 0, false);
        for (at, request) in model.boot.requests.iter().enumerate() {
            let got = self.file(run, at, request).await?;
            if !request.optional {
                needed += 1;
                refused += usize::from(matches!(got, Got::Refused));
                has_settings |= request.configures && !matches!(got, Got::Refused);
            }
            run.wanted = Instant::now();
        }
        // What anyone gets, such as a list of files, is no configuration.
        if refused > 0 && !has_settings {
            return Ok(BootOutcome::Refused);
        }
        if refused > 0 {
            return Err(BootError::HalfRefused { refused, all: needed });
        }
        let line = self.lines.line(&model.simulate.config);
        line.map(BootOutcome::Configured).ok_or(BootError::NoLine)
    }

    /// One file, with retries.
    async fn file(
        &mut self,
        run: &mut Run<'_>,
        at: usize,
        request: &RequestShape,
    ) -> Result<Got, BootError> {
        let simulate = &self.member.model.simulate;
        let retries = run.habits.retries.unwrap_or(simulate.retries);
        let first_pause = Duration::from_secs(simulate.retry_delay_s.into());
        let mut pause = run.habits.retry_delay.unwrap_or(first_pause);
        let path = request.path.fill(self.member.mac);
        let (mut attempt, mut tried) = (0, 1);
        loop {
            let result = self.attempt(run, at).await;
            let (trouble, asked_for) = match result {
                Ok(answer) => match Ending::of(&answer) {
                    Ending::Served if request.does == StepDoes::Send => return Ok(Got::Served),
                    Ending::Served => return self.served(run, at, &path, &answer),
                    Ending::NotModified => return Ok(Got::Kept),
                    Ending::Challenged | Ending::Refused => return Ok(Got::Refused),
                    Ending::Trouble | Ending::Fault => {
                        let status = answer.status.as_u16();
                        (BootError::Status { file: path.clone(), status }, answer.retry_after)
                    }
                },
                Err(fault) => (BootError::Exchange { file: path.clone(), fault }, None),
            };
            if tried < run.dialer.targets().len() && is_of_one_target(&trouble) {
                tried += 1;
                run.turn_to_next();
                continue;
            }
            if attempt == retries {
                return Err(trouble);
            }
            // After the pause it goes on with the target it is at, and may try all others again.
            tried = 1;
            attempt += 1;
            // Up to a quarter more, or phones that failed together ask together again.
            let patience = asked_for.filter(|wait| *wait <= LONGEST_PAUSE).unwrap_or(pause);
            sleep(patience.mul_f64(1.0 + self.random.fraction() / 4.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            run.wanted = Instant::now();
        }
    }

    fn served(
        &mut self,
        run: &mut Run<'_>,
        at: usize,
        path: &str,
        answer: &Answer,
    ) -> Result<Got, BootError> {
        let model = &self.member.model;
        let read = match model.boot.requests[at].configures {
            true => self.lines.read(&model.simulate.config, &answer.body),
            false => Ok(()),
        };
        if let Err(why) = read {
            let sample = run.samples.last_mut().expect("the request has left its sample");
            sample.error = Some(ErrorKind::Named(Unreadable::KIND));
            return Err(BootError::Unreadable { file: path.to_owned(), why });
        }
        self.validators[at] =
            Validators { etag: answer.etag.clone(), last_modified: answer.last_modified.clone() };
        Ok(Got::Served)
    }

    /// One request, made again with credentials where it is asked for them.
    async fn attempt(&mut self, run: &mut Run<'_>, at: usize) -> Result<Answer, ExchangeError> {
        let (mut asked, mut shown) = (0, 0);
        loop {
            let (result, showed) = self.exchange(run, at).await;
            shown += u32::from(showed);
            let is_tls = run.target().tls_name.is_some();
            let is_to_answer = run.habits.credentials.is_some()
                // What cannot be said in a header is not tried again.
                && (showed || asked == 0)
                && result.as_ref().is_ok_and(|answer| {
                    answer.status == StatusCode::UNAUTHORIZED
                        && self.authorization.is_to_answer(&answer.headers, shown, is_tls)
                });
            if !is_to_answer {
                return result;
            }
            asked += 1;
            let sample = run.samples.last_mut().expect("the request has left its sample");
            sample.ending = Ending::Challenged;
            run.wanted = Instant::now();
        }
    }

    /// One request and its sample; the answer, and whether it had credentials.
    async fn exchange(
        &mut self,
        run: &mut Run<'_>,
        at: usize,
    ) -> (Result<Answer, ExchangeError>, bool) {
        let closes = self.member.model.closes();
        let mut connections = 0;
        let mut showed = false;
        let result = loop {
            let mut connection = match run.connection.take().filter(Connection::is_open) {
                Some(connection) => connection,
                None => match run.dial(self.number, self.tls.as_ref()).await {
                    Ok(connection) => {
                        connections += 1;
                        connection
                    }
                    Err(fault) => break Err(fault),
                },
            };
            let message = self.message(run, at);
            showed = message.headers().contains_key(header::AUTHORIZATION);
            match connection.ask(message, MOST_BODY).await {
                Ok(answer) => {
                    if closes {
                        connection.close().await;
                    } else {
                        run.connection = Some(connection);
                    }
                    break Ok(answer);
                }
                // The gateway may close a waiting connection at the very moment it is
                // used again (RFC 9112, 9.3.1); a phone then opens another one.
                Err(ExchangeError::Closed(_)) if connection.answered > 0 => {}
                Err(fault) => break Err(fault),
            }
        };
        run.samples.push(Sample {
            file: self.member.model.files[at],
            ending: result.as_ref().map_or(Ending::Fault, Ending::of),
            latency: run.wanted.elapsed(),
            took: result.as_ref().ok().map(|answer| answer.took),
            body_bytes: result.as_ref().map_or(0, |answer| answer.body.len()),
            connections,
            error: ErrorKind::of(&result),
        });
        run.live.requests.fetch_add(1, Ordering::Relaxed);
        (result, showed)
    }

    fn message(&mut self, run: &Run<'_>, at: usize) -> Request<Body> {
        let model = &self.member.model;
        let mut message = BootRequest::new(run.target(), model, at, self.member.mac);
        let (known, habit) = (&self.validators[at], model.simulate.conditional);
        if matches!(habit, Conditional::Etag | Conditional::Both)
            && let Some(etag) = &known.etag
        {
            message = message.header(header::IF_NONE_MATCH, etag);
        }
        if matches!(habit, Conditional::Modified | Conditional::Both)
            && let Some(last_modified) = &known.last_modified
        {
            message = message.header(header::IF_MODIFIED_SINCE, last_modified);
        }
        let authorization = run.habits.credentials.as_deref().and_then(|credentials| {
            let (method, target) = message.line()?;
            self.authorization.header(credentials, method, &target, &mut self.random)
        });
        if let Some(authorization) = authorization {
            message = message.header(header::AUTHORIZATION, &authorization);
        }
        message.ready()
    }
}

/// One boot as it goes on.
struct Run<'a> {
    dialer: &'a Dialer,
    habits: &'a Habits,
    live: &'a Live,
    samples: Vec<Sample>,
    connection: Option<Connection>,
    /// Number of the target that it asks.
    target: usize,
    /// How often it turned to another target.
    moves: usize,
    /// Since when the phone has wanted what it asks for next.
    wanted: Instant,
}

impl Run<'_> {
    fn target(&self) -> &GatewayUrl {
        self.dialer.target(self.target)
    }

    async fn dial(
        &self,
        phone: usize,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Connection, ExchangeError> {
        self.dialer.dial(self.target(), phone, tls).await
    }

    fn turn_to_next(&mut self) {
        self.connection = None;
        self.target += 1;
        self.moves += 1;
    }
}

/// Whether another target may do what this one did not: it does not answer, or is not ready.
fn is_of_one_target(trouble: &BootError) -> bool {
    match trouble {
        BootError::Exchange { fault, .. } => match fault {
            ExchangeError::Connect(_)
            | ExchangeError::ConnectTimeout
            | ExchangeError::Tls(_)
            | ExchangeError::AnswerTimeout
            | ExchangeError::Closed(_) => true,
            ExchangeError::Exhausted(_)
            | ExchangeError::Malformed(_)
            | ExchangeError::TooLarge(_) => false,
        },
        BootError::Status { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        BootError::Unreadable { .. } | BootError::HalfRefused { .. } | BootError::NoLine => false,
    }
}

//! The operator-facing edge: the REST API, and whether the gateway is well.
//!
//! | endpoint | what |
//! |---|---|
//! | `POST /rest/auth` | signs in, or says who is signed in (`auth`, `session`) |
//! | `POST /rest/auth/logout` | ends the session |
//! | `POST /rest/dialplan/<verb>[/<type>]` | one of `commands::COMMANDS`; its file says what it takes and gives |
//! | `GET /health` | 200 while the process answers at all |
//! | `GET /ready` | 200 when phones can be served and changes stored, else 503 (`health`) |
//!
//! A request under `/rest/`, in the order of the code:
//! 1. Its head becomes a `request::ApiRequest`, and its body is received, in so far as who sends it
//!    may send so much (`receive`).
//!    Whoever it is, a gateway that has not heard of a shared store for a minute lets nobody in.
//! 2. The body is looked through for `auth` and `type` (`json`). Whatever is no JSON object is
//!    `{}`; so is a GET, which works wherever that is enough.
//! 3. `auth`: key or password in the body, else a key in the head, else the cookie, else the
//!    connection's certificate.
//! 4. The table finds the command, and its first column says who may.
//! 5. The rest of the body is read. The command's file makes domain types of the fields, or a
//!    message that names one.
//! 6. The registry checks again, commits, and answers.
//!
//! Every answer there has status 200 and `"result"`, `success` or `fail` with a
//! `message`: clients of this API read no other status. The exceptions are a body
//! that is too long (413), too slow (408) or broken (400), a fault of ours (500), and, with
//! `Retry-After`, work or a list there was no place for in time: 429 when the caller's own have
//! all that are for one, 503 when those of all callers together do.
//!
//! Steps 2 to 6 run in a task of their own: a client that hangs up must not stop
//! a change between the store and memory.

mod answer;
mod auth;
mod blocking;
mod commands;
mod fields;
mod health;
mod json;
mod phone_list;
mod receive;
mod request;
mod second_factor;
mod session;
mod starting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

pub use health::{ListenerState, ListenerStates};
pub use second_factor::SecondFactorRule;
pub use session::SessionLimits;
pub use starting::{StartPhase, Starting};

use crate::ambient::Random;
use crate::domain::{NameKind, UserId};
use crate::files::Files;
use crate::net::body::BodyReader;
use crate::net::{Handler, Limits, Peer, Standing, body};
use crate::registry::Registry;
use crate::throttle::Turns;
use crate::uploads::Uploads;
use answer::{Answer, AnswerBody, Fail, respond};
use blocking::Blocking;
use json::NotRead;
use receive::{Received, Receiver};
use request::{ApiMethod, ApiRequest, Endpoint, RequestBody};
use session::Sessions;

/// What the edge allows.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    /// Longest request body in bytes. Default 1 MiB: four times the largest settings.
    pub body_bytes: usize,
    /// When a session ends, and how many there may be.
    pub sessions: SessionLimits,
    /// Whether everybody who signs in with a password must have a second factor. Default: no.
    pub second_factor: SecondFactorRule,
    /// Whether the common name of the certificate that the connection was made with signs the user
    /// of that login in. Default: no.
    pub certificate_login: bool,
    /// How long a request waits for its turn at what takes long, or for a place for a long list,
    /// before it is told to come again. Default 10 seconds: tools wait longer for an answer.
    pub place_timeout: Duration,
    /// What phones sent, to be shown; `None`: nothing is taken in.
    pub uploads: Option<Arc<Uploads>>,
    /// What phones are given as it is; `None`: nothing.
    pub files: Option<Arc<Files>>,
    /// What this gateway is called among several. Empty by default.
    pub node: String,
}

impl Default for AdminOptions {
    fn default() -> AdminOptions {
        AdminOptions {
            body_bytes: 1 << 20,
            sessions: SessionLimits::default(),
            second_factor: SecondFactorRule::Optional,
            certificate_login: false,
            place_timeout: Duration::from_secs(10),
            uploads: None,
            files: None,
            node: String::new(),
        }
    }
}

impl AdminOptions {
    /// What listeners of operators take by default. Operators are few; with their tools they come
    /// from a few addresses.
    #[must_use]
    pub fn listener_limits() -> Limits {
        Limits { connections: 256, connections_per_address: 64, ..Limits::default() }
    }
}

/// Lists of all phones at a time of one user and of all, until they are sent: each is some 24
/// bytes a phone. A reader that stalls has its list until its connection is cut.
const LISTS_AT_ONCE: (usize, usize) = (4, 16);

/// The handler for listeners of operators.
pub struct Admin {
    core: Arc<Core>,
    tasks: TaskTracker,
}

/// What the tasks of requests share.
struct Core {
    registry: Arc<Registry>,
    random: Arc<dyn Random>,
    listeners: ListenerStates,
    options: AdminOptions,
    sessions: Sessions,
    receiver: Receiver,
    blocking: Blocking,
    lists: Turns<UserId>,
}

impl Admin {
    /// Serves `registry` to operators; `listeners` is what `GET /ready` tells of them.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        random: Arc<dyn Random>,
        listeners: ListenerStates,
        options: AdminOptions,
    ) -> Admin {
        let core = Core {
            registry,
            random,
            listeners,
            sessions: Sessions::new(options.sessions.clone()),
            receiver: Receiver::new(options.body_bytes),
            blocking: Blocking::new(options.place_timeout),
            lists: Turns::new(LISTS_AT_ONCE.0, LISTS_AT_ONCE.1),
            options,
        };
        Admin { core: Arc::new(core), tasks: TaskTracker::new() }
    }

    /// Waits for the commands of clients that are gone already. To be called when
    /// the listeners are drained, before the store is closed.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn rest(&self, request: Request<Incoming>, peer: &Peer) -> Response<AnswerBody> {
        let (head, body) = request.into_parts();
        let (core, standing) = (self.core.clone(), peer.standing.clone());
        let mut request = ApiRequest::new(&head, peer.address.ip(), peer.tls.is_some());
        if core.options.certificate_login {
            request.certified = certified_login(peer);
        }
        if let Err(fail) = auth::try_bearer(&core, &request).await {
            BodyReader::new(body).pass_over(core.options.body_bytes).await;
            return fail.into_response();
        }
        let received = match request.method {
            ApiMethod::Get => Received::nothing(),
            _ => {
                let user = auth::by_head(&core, &request).ok().map(|caller| caller.user.id);
                let now = core.registry.clock().uptime();
                match core.receiver.receive(body, user, request.address, now).await {
                    Ok(received) => received,
                    Err(error) => return error.into_response(),
                }
            }
        };
        match self.tasks.spawn(async move { core.answer(request, received, &standing).await }).await
        {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(address = %peer.address, %error, "an admin command did not finish");
                fault()
            }
        }
    }
}

/// The common name of the client's certificate; none that has several.
fn certified_login(peer: &Peer) -> Option<String> {
    let certificate = peer.tls.as_ref()?.certificate.as_ref()?;
    certificate.only(NameKind::CommonName).map(str::to_owned)
}

impl Core {
    async fn answer(
        self: Arc<Core>,
        request: ApiRequest,
        received: Received,
        standing: &Standing,
    ) -> Response<AnswerBody> {
        let began = Instant::now();
        let mut log = Log::default();
        let outcome = commands::answer(&self, &request, received, &mut log).await;
        if log.who.is_some() {
            standing.of_use();
        }
        let outcome = outcome.map_err(|fail| match &log.not_read {
            Some(why) => fail.of_unread(why),
            None => fail,
        });
        log.write(&request, outcome.as_ref().err(), began);
        match outcome {
            Ok(answer) => answer.into_response(request.secure),
            Err(fail) => fail.into_response(),
        }
    }
}

/// What a command comes to.
type CommandResult = Result<Answer, Fail>;

impl Handler for Admin {
    type Body = AnswerBody;

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<AnswerBody> {
        match Endpoint::of(request.uri().path()) {
            Endpoint::Rest => self.rest(request, peer).await,
            place => {
                let asks = matches!(*request.method(), Method::GET | Method::HEAD);
                body::discard(request, self.core.options.body_bytes).await;
                match place {
                    Endpoint::Health | Endpoint::Ready if !asks => asked_otherwise(),
                    Endpoint::Health => health::alive(),
                    Endpoint::Ready => health::ready(&self.core).await,
                    Endpoint::Rest | Endpoint::Nowhere => nowhere(),
                }
            }
        }
    }

    fn malformed(&self, reason: &'static str) -> Response<AnswerBody> {
        malformed(reason)
    }

    fn fault(&self) -> Response<AnswerBody> {
        fault()
    }
}

fn asked_otherwise() -> Response<AnswerBody> {
    respond(StatusCode::METHOD_NOT_ALLOWED, &Fail::new("GET is answered here"))
}

fn nowhere() -> Response<AnswerBody> {
    respond(StatusCode::NOT_FOUND, &Fail::new("Not found"))
}

fn malformed(reason: &'static str) -> Response<AnswerBody> {
    respond(StatusCode::BAD_REQUEST, &Fail::new(reason))
}

fn fault() -> Response<AnswerBody> {
    let fail = Fail::new("The gateway failed; its log says more");
    respond(StatusCode::INTERNAL_SERVER_ERROR, &fail)
}

/// Most characters of the object and of the reason: both may be of the caller's own making.
const MAX_OBJECT: usize = 64;
const MAX_REASON: usize = 300;

/// The line each request leaves in the log, who wanted what of which object and what came of it:
/// what is known of it so far.
#[derive(Default)]
struct Log {
    /// The login.
    who: Option<String>,
    /// The command's name in the table of commands; `None` for a path that is none.
    command: Option<&'static str>,
    /// The phone, company or user the command names.
    object: Option<String>,
    /// Why the body was taken as `{}`.
    not_read: Option<NotRead>,
}

impl Log {
    /// Takes note of what the body names, as the caller wrote it: `scope` says what is acted on,
    /// and `values` what is made.
    fn note_object(&mut self, body: &RequestBody) {
        let fields = [body.scope().ok(), body.values().ok()];
        let named = |name: &str| fields.iter().flatten().find_map(|fields| fields.shown(name));
        let object = ["mac", "phoneid", "login", "id", "company"].into_iter().find_map(|name| {
            let object = named(name)?;
            let port = if name == "mac" { named("port") } else { None };
            Some(port.map_or(object.clone(), |port| format!("{object} port {port}")))
        });
        self.object = object.map(|object| object.chars().take(MAX_OBJECT).collect());
    }

    /// Writes the line, of an answer or of the failure there is instead.
    fn write(&self, request: &ApiRequest, failure: Option<&Fail>, began: Instant) {
        let reason: String =
            failure.map(Fail::message).unwrap_or_default().chars().take(MAX_REASON).collect();
        // As texts with quotes, in which a line end or a control code is an escape.
        tracing::info!(
            who = self.who.as_deref().unwrap_or("-"),
            command = self.command.unwrap_or("-"),
            object = self.object.as_deref().unwrap_or("-"),
            result = if failure.is_none() { "success" } else { "fail" },
            reason,
            // Until there is an answer: a long list is still to be sent.
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            address = %request.address,
            "admin request",
        );
    }
}

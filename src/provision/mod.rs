//! A handset's request, without HTTP: a [`Fetch`] in, a [`Reply`] out.
//!
//! 1. Identify: MAC, port and type, by the catalogue. What was answered with a file before is
//!    remembered.
//! 2. Compare the credentials it presents with those of the device ([`credentials`]). Where they
//!    are asked for, who does not prove them gets the challenge instead of 4, 5 and 6.
//! 3. Admit, when there is a MAC, and its network may ask: the registry has an unknown device
//!    recorded as inactive, and a known one noted. Only a device with an active port is admitted,
//!    when the request shows what the policies of its companies ask for ([`admission`]).
//!    For who may ask for none one is looked up all the same.
//! 4. Who is not gets its family's [`holding`] file, if it waits to be promoted and its URL's token is
//!    of a company that has it so; else the common file the request names, in which there is no
//!    phone, or the refusal.
//! 5. An active device gets the file its type has under that name: the body of the same version
//!    from the cache, or one that is rendered.
//!    One that an operator laid out, below `files/MAC/`, is sent from the disk ([`hosted`]).
//! 6. That it was sent a file of its own is noted.
//!
//! All of it reads from memory and waits for nothing, and what 3 and 6 record is stored behind the
//! answer; but what an active phone asks back that it once sent, and what was laid out for it, is
//! read from its file. What it sends goes its own way, in [`receive`]; where that is a form that its
//! phones ask for a file with, the form is dropped, and the file is fetched as any other.

mod admission;
mod credentials;
mod holding;
mod hosted;
mod parse_cache;
mod provisioner;
mod receive;
mod rendered;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;

use crate::catalogue::Catalogue;
use crate::domain::admission::ProofSet;
use crate::domain::{Certified, ClientCertificate, Presented, Timestamp};
pub use crate::files::HostedFile;

pub use parse_cache::FileOwner;
pub use provisioner::Provisioner;
pub use rendered::{EntityTag, Rendered};

/// What a handset asked, with all that the edge knows of who asked.
#[derive(Clone)]
pub struct Fetch {
    /// Path and query as received, percent-encoded; at most the edge's limit of bytes.
    pub target: String,
    /// Control characters escaped, bounded; `None` when there was none.
    pub user_agent: Option<String>,
    /// The other headers that say something about the handset, lower-case names.
    pub headers: Vec<(String, String)>,
    /// The handset's own, where a proxy that is believed reports it.
    pub address: IpAddr,
    /// It asks about the file and is not sent it.
    pub is_head: bool,
    /// Whether nobody on the way reads the answer: TLS, ours or that of a proxy that is believed.
    pub is_tls: bool,
    /// Whether the network of that address may have anything. Else the request is refused like
    /// others, in the same time.
    pub is_allowed: bool,
    /// The client certificate, verified, when there was one.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// What it presents over HTTP, when that is of this request and no other.
    pub authorization: Option<Presented>,
    /// Why it presents nothing, in words for the log; empty when it does.
    pub unfit: &'static str,
    /// Whether the credentials of its device are asked for where it came in.
    pub is_challenged: bool,
    /// What counts as proof where it came in.
    pub counting: ProofSet,
}

impl Fetch {
    /// A request for `target` that comes over plain HTTP, from a network that may ask, to a listener
    /// that asks for nothing and where everything counts; it says nothing besides.
    #[must_use]
    pub fn new(target: String, address: IpAddr) -> Fetch {
        Fetch {
            target,
            user_agent: None,
            headers: Vec::new(),
            is_head: false,
            address,
            is_tls: false,
            is_allowed: true,
            certificate: None,
            authorization: None,
            unfit: "",
            is_challenged: false,
            counting: ProofSet::ALL,
        }
    }

    /// What the client certificate proves.
    #[must_use]
    pub fn certified(&self, catalogue: &Catalogue) -> Certified {
        let certificate = self.certificate.as_deref();
        certificate.map(|certificate| catalogue.certified(certificate)).unwrap_or_default()
    }
}

/// What the handset gets.
#[derive(Debug)]
pub enum Reply {
    /// A file, the phone's own or one that anybody gets.
    File(Sent),
    /// A file that an operator laid out, to be sent as it is.
    Hosted(HostedFile),
    /// Unknown, inactive, over quota, no such file: all one.
    Refused,
    /// It has not proven the credentials it was asked for, whatever it is about.
    Challenged,
    /// A fault of ours; the handset keeps what it has and comes again, when the edge says.
    Unavailable,
}

/// A file that is sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The file, which other answers may share.
    pub file: Arc<Rendered>,
    /// Whose the file is, for an edge that knows a phone's network by it.
    pub owner: FileOwner,
    /// A time at which it was not yet taken: what it was made of is of then or later.
    pub at: Timestamp,
}

/// What becomes of what a handset sends.
#[derive(Debug)]
pub enum Receipt {
    /// Kept, the first of its name.
    Created,
    /// Kept, in the place of one of its name.
    Replaced,
    /// It was a form, and is dropped; the handset gets what it asked for with it.
    Answered(Reply),
    /// The same as [`Reply::Refused`]: also for what no phone of its type sends, and what is too
    /// long.
    Refused,
    /// The same as [`Reply::Challenged`].
    Challenged,
    /// The same as [`Reply::Unavailable`]: also when too many send at a time.
    Unavailable,
}

/// The body of what a handset sends, while it comes.
pub trait UploadBody: Send {
    /// So many bytes of it are known to come; 0 where nothing is known.
    fn announced(&self) -> u64;

    /// The next bytes; `None` at its end.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, BrokenOff>>> + Send;

    /// Whether it may be a form: it came as forms do (POST).
    fn may_be_form(&self) -> bool;

    /// Reads it to its end and drops it. `false`: it is longer than `most` bytes, or broke off.
    fn drop_form(&mut self, most: usize) -> impl Future<Output = bool> + Send;
}

/// Why a body broke off.
pub type BrokenOff = Box<dyn std::error::Error + Send + Sync>;

/// Answers handsets. The handset edge knows no more than this.
pub trait Provision: Send + Sync + 'static {
    /// The headers that [`Fetch::headers`] is to have, of those a request has: a definition in
    /// the catalogue asks for them (`x-aastra-expmod1`). Few: each is copied per request.
    fn wanted_headers(&self) -> Arc<[HeaderName]>;

    /// What the handset gets. Waits for nothing but the file of what an active one asks back, or of
    /// what was laid out for it.
    fn fetch(&self, fetch: Fetch) -> impl Future<Output = Reply> + Send;

    /// Takes in what a handset sends under that name, in as many parts as it comes. Bounded by
    /// what its family allows; the caller bounds the time. A form with which phones of its type ask
    /// for that file is answered with it.
    fn receive<B: UploadBody>(
        &self,
        fetch: Fetch,
        body: &mut B,
    ) -> impl Future<Output = Receipt> + Send;
}

//! dialtone takes a SIP handset from power-on to dial tone: it answers what the handset asks at
//! boot, over HTTP or HTTPS, with the configuration an operator has written for it.
//!
//! A handset is a MAC address and a port, `0015654aa9370`. One that was never seen is recorded as
//! *inactive* and refused. An operator *promotes* it into a company; from then on it gets the files
//! of its type, made of vendor-neutral settings and the templates of its family. Operators work
//! over a REST API on a port of its own, or with the commands of [`tools`], which speak it.
//!
//! # Map
//!
//! | module | owns |
//! |---|---|
//! | [`domain`] | MAC, phone, company, user, settings: what may happen to a phone, and who may have its files. No I/O, no clock |
//! | [`ambient`] | time and randomness, which are passed in |
//! | [`throttle`] | turns for those who want the same at a time, log lines for all that say the same; knows no phones |
//! | [`encryption`] | the forms in which makers' phones take a configuration encrypted; knows no phones |
//! | [`catalogue`] | the families as data: what their phones ask, how they name themselves, what they get |
//! | [`store`] | what is durable: one trait that gateways can follow, in one SQLite file, in a PostgreSQL database or in memory |
//! | [`registry`] | the rules over the store, all phones in memory, who changed what |
//! | [`provision`] | a request of a handset without HTTP: [`provision::Fetch`] in, [`provision::Reply`] out |
//! | [`files`] | what operators lay out for phones as it is: firmware, tones, pictures, in one folder |
//! | [`uploads`] | what phones send: logs, overrides, contacts, in one folder |
//! | [`net`] | listeners, limits, deadlines, TLS, drain; knows neither handsets nor operators |
//! | [`handset`] | the edge for handsets: who may ask, request to fetch, reply to response |
//! | [`admin`] | the edge for operators: one file a command, and a table of them all |
//! | [`config`] | file, environment and options to one checked value |
//! | [`app`] | builds every part, binds before it serves, reloads, drains in order |
//! | [`tools`] | what the `dialtone` command does, one file a tool |
//! | [`simulator`] | virtual handsets, for trying a gateway |
//!
//! Outside `src/`: `templates/` has the families, `docs/` what operators read, `tests/integration/`
//! the tests that start the real gateway, `benches/` what it costs, `fuzz/` what looks for input that
//! breaks the `laws`; `.ci/run` is what must hold before a change lands.
//!
//! Who knows whom; a test compares it with the code, so an arrow that is not here is a mistake:
//!
//! ```text
//! dialtone  -> tools, catalogue, domain
//! phonesim  -> simulator
//! tools     -> app, config, registry, store, catalogue, files, net, domain, ambient
//! app       -> config, handset, admin, provision, registry, store, uploads, files, catalogue, net, domain, throttle, ambient
//! config    -> handset, admin, provision, registry, store, uploads, catalogue, net, domain
//! handset   -> provision, net, domain, ambient
//! admin     -> registry, uploads, files, catalogue, net, domain, throttle, ambient
//! provision -> registry, uploads, files, catalogue, encryption, domain, throttle
//! registry  -> store, uploads, catalogue, encryption, domain, throttle, ambient
//! simulator -> catalogue, domain
//! store     -> domain
//! uploads   -> domain, throttle
//! files     -> domain, throttle
//! catalogue -> encryption, domain
//! encryption -> domain
//! net       -> domain, throttle
//! ambient   -> domain
//! laws      -> handset, net, registry, catalogue, domain
//! ```
//!
//! # A handset's request, in seven steps
//!
//! 1. [`net`] accepts under a permit, finds the connection a place, learns from a trusted proxy whose
//!    it is, does TLS beside the accept loop and reads the head under a deadline.
//! 2. [`handset::Edge`] refuses what can be refused before the MAC is known (method, length) and
//!    makes a [`provision::Fetch`] of the rest: target, User-Agent, certificate, credentials, address and whether
//!    its network may ask. What phones send goes another way ([`uploads`]).
//! 3. [`provision::Provisioner`] has the steps from here to the reply, in one file. It reads the
//!    request with [`catalogue::Catalogue::identify`]: MAC, port, type and the evidence. What was
//!    answered with a file is remembered.
//! 4. [`registry::Registry::sight`] finds the MAC in memory, or has it recorded as an inactive
//!    device, within a quota that networks share fairly. What the request claims or shows anew is
//!    kept. All of that is stored behind the answer, and held while the store is away. Whose network
//!    is banned for walking MACs (`registry/scans`, `registry/bans`) is refused here, but for phones
//!    that were served in it and requests that prove themselves.
//! 5. A device that is not active gets what anybody gets: a common file, which has no company, no
//!    phone and no secret in it, or the refusal. So does an active one whose request does not show
//!    what its companies ask for ([`registry::Registry::admit`], [`domain::admission`]): network,
//!    token, credentials, certificate, in time, from where it was first served.
//! 6. An active one gets the cached body, if all it was made of is as it was; else
//!    [`registry::Registry::composition`] lays the layers over each other and [`catalogue`] renders
//!    them. Same inputs, same bytes. What was laid out for it as it is ([`files`]) is sent from the
//!    disk. That it was sent a file of its own is noted once
//!    ([`registry::Registry::note_served`]): from then on no claim changes what it is.
//! 7. [`handset`] words the reply: 200 with an entity tag, a part (206), 304, the one refusal, a challenge (401)
//!    where the listener asks for credentials, or 503 with
//!    `Retry-After` for a fault of ours, on which the phone keeps what it has. Operators can read
//!    what became of it ([`registry::Registry::requests`]).
//!
//! # An admin command (promote), in six steps
//!
//! 1. [`net`], as above, with listeners and limits of its own.
//! 2. [`admin`] receives as much of a body as who sends it may send, and finds out who that is: by
//!    key, password or cookie. From here on it goes on when the client hangs up.
//! 3. Its table says who may, and names the command's file. That makes domain types of the fields,
//!    or a message that names the one that is wrong, and calls [`registry::Registry::promote`].
//! 4. Every change goes through `registry/change.rs`: lock, read, decide, commit, take over, and
//!    all of it again when another was faster. Here it is decided by [`domain::Device::promote`],
//!    in pure code, and by rendering every file of the type: what cannot be made is refused now,
//!    not when the phone asks.
//! 5. The [`store`] commits device and audit record together, if all that was relied on still
//!    holds.
//! 6. `registry/memory.rs` takes over what was committed; then comes the answer. Other gateways on
//!    the same store hear of it within a second (`registry/background.rs`).
//!
//! # Invariants
//!
//! - A handset causes one device at its first contact, within the quota, a few claims on it until
//!   it is promoted and served, and reads; whoever proves to be it, what it is known by and which of
//!   its tokens and credentials it has; whoever walks MACs, a ban. What it sends reaches no query but as
//!   a bound value, and the file system only as the name of an upload that its family declares,
//!   and as that of a file which was laid out for it.
//! - No phone's configuration leaves before an operator made the phone active, and to no request
//!   that does not show what the policies of its companies ask for.
//! - Unknown, inactive, over quota, forbidden network, banned, strange method, missing file: one refusal,
//!   the same bytes. It promises nothing, and so waits for no disk; where a MAC is looked up, all
//!   take the same way, so that the time tells little.
//! - Nothing is acknowledged before it is durable. Of two changes of one object from one state, one
//!   succeeds, at whichever gateway, and none fits an object that was removed and made anew.
//! - Memory has one writer, which takes what is newer only. Gateways share nothing but the store.
//! - A fault of ours is never "not found" for a phone that is to be served.
//! - A promotion or a change of a phone is refused that would leave it without a file its type has.
//!   A file for ports
//!   of several companies has of each company only what is its own.
//! - Secrets are in no log, message, list, preview or audit record; the commands that are there to
//!   show one (`reveal`, `token`, `read upload`, keys and second factors when they are made) are recorded. The value of a setting adds no
//!   line, element or key to a file.
//! - Active phones boot from memory; the store is not asked. Operators are let in from memory only
//!   while a store that others share told within the last minute what they changed.
//! - Every queue, table and cache has a bound, every wait on a peer a deadline, every task an owner
//!   that ends it.
//! - A gateway that has not read its registry yet tells phones to come again, and refuses none.
//! - A catalogue, a certificate or a configuration with a fault is refused whole; what was in force
//!   stays.
//! - A panic ends its request or its task. A lock it held is taken as it was left: one fault
//!   does not become one of every later request.
//! - Shutdown: stop accepting, finish requests within the grace period, close the store.

#![warn(missing_docs)]

pub mod admin;
pub mod ambient;
pub mod app;
pub mod catalogue;
pub mod config;
#[cfg(test)]
mod documented;
pub mod domain;
pub mod encryption;
pub mod files;
pub mod handset;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod laws;
pub mod net;
pub mod provision;
pub mod registry;
pub mod simulator;
pub mod store;
pub mod throttle;
pub mod tools;
pub mod uploads;

//! The line each request leaves in the log: who wanted what of which object, and what came of it.

use std::time::Instant;

use super::answer::Fail;
use super::json::NotRead;
use super::request::{ApiRequest, RequestBody};

/// Most characters of the object and of the reason: both may be of the caller's own making.
const MAX_OBJECT: usize = 64;
const MAX_REASON: usize = 300;

/// What is known of a request so far.
#[derive(Default)]
pub(super) struct Log {
    /// The login.
    pub who: Option<String>,
    /// Of the table of commands.
    pub command: Option<&'static str>,
    /// The phone, company or user the command names.
    object: Option<String>,
    /// Why the body was taken as `{}`.
    pub not_read: Option<NotRead>,
}

impl Log {
    /// Takes note of what the body names, as the caller wrote it: `scope` says what is acted on,
    /// and `values` what is made.
    pub(super) fn note_object(&mut self, body: &RequestBody) {
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
    pub(super) fn write(&self, request: &ApiRequest, failure: Option<&Fail>, began: Instant) {
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

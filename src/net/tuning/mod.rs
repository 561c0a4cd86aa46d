//! What is here for speed alone: without any of it the gateway gives the same answers.
//!
//! Each file says at its head what it gains, how that was measured and how to turn it off.

mod coalescing_stream;
mod handshake_admission;

pub(super) use coalescing_stream::CoalescingStream;
pub(super) use handshake_admission::HandshakeAdmission;
#[cfg(test)]
pub(super) use handshake_admission::MIN_WINDOW;

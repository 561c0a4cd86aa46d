//! Where a connection stands, as a state machine without time.
//!
//! ```text
//! Hello --HelloCame--> Queued --Admitted--> Handshake --Ready--> Head        (TLS)
//! Hello --------------------------------------Ready----------> Head        (plain)
//!
//! Head --RequestCame--> Busy --AnswerMade--> Sending --Flushed--> Idle --BytesCame--> Head
//!                       Busy --BodyAwaited--> Body --BytesCame--> Busy
//!                       Busy --LastAnswerMade--> SendingLast --CloseDeferred--> Sending
//! ```
//!
//! What is not drawn changes nothing, but for [`Event::Ready`], [`Event::RequestCame`] and the
//! making of an answer, which lead to the same phase from wherever they happen: requests sent
//! together are begun without being waited for.

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::net) enum Phase {
    /// It is accepted, and the peer has not said hello yet.
    Hello = 0,
    /// The peer has said hello and waits for its turn at a handshake.
    Queued = 1,
    /// The handshake is under way.
    Handshake = 2,
    /// The head of a request is coming in; the first one is waited for here as well.
    Head = 3,
    /// The handler has the request, or makes its answer in parts.
    Busy = 4,
    /// The handler has the request and waits for more of its body.
    Body = 5,
    /// All of the response is made and going out.
    Sending = 6,
    /// It is as [`Phase::Sending`], and the close follows at once: the response may wait for it.
    SendingLast = 7,
    /// The first byte of the next request is waited for.
    Idle = 8,
}

/// What moves a connection on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Event {
    HelloCame,
    Admitted,
    /// What comes before HTTP is over.
    Ready,
    BytesCame,
    RequestCame,
    /// The request's body was read for, and nothing was there.
    BodyAwaited,
    AnswerMade,
    /// A part of an answer was made that is made in parts.
    PartMade,
    /// The answer was made, and the peer has said that it asks for nothing after it.
    LastAnswerMade,
    /// All that was written is with the kernel, or held back for the close.
    Flushed,
    /// The close did not follow the last answer at once.
    CloseDeferred,
}

impl Phase {
    const ALL: [Phase; 9] = [
        Phase::Hello,
        Phase::Queued,
        Phase::Handshake,
        Phase::Head,
        Phase::Busy,
        Phase::Body,
        Phase::Sending,
        Phase::SendingLast,
        Phase::Idle,
    ];

    /// Takes back what `phase as u8` gave.
    ///
    /// # Panics
    /// For a number that is no phase's.
    pub(crate) fn of(number: u8) -> Phase {
        Phase::ALL[usize::from(number)]
    }

    pub(crate) fn after(self, event: Event) -> Phase {
        match (self, event) {
            (Phase::Hello, Event::HelloCame) => Phase::Queued,
            (Phase::Queued, Event::Admitted) => Phase::Handshake,
            (_, Event::Ready) | (Phase::Idle, Event::BytesCame) => Phase::Head,
            (_, Event::RequestCame) | (Phase::Body, Event::BytesCame) => Phase::Busy,
            (Phase::Busy, Event::BodyAwaited) => Phase::Body,
            (_, Event::AnswerMade) | (Phase::SendingLast, Event::CloseDeferred) => Phase::Sending,
            (_, Event::LastAnswerMade) => Phase::SendingLast,
            (Phase::Sending, Event::Flushed) => Phase::Idle,
            (phase, _) => phase,
        }
    }

    /// Whether it is the peer who is waited for, and not we.
    pub(crate) fn waits_for_peer(self) -> bool {
        !matches!(self, Phase::Queued | Phase::Busy)
    }

    /// Whether bytes that come now belong to a head.
    pub(crate) fn takes_head(self) -> bool {
        matches!(self, Phase::Head | Phase::Idle)
    }

    /// Whether this phase is on time of its own, `event` having led to it. All of a request is on one
    /// time, from the end of its head: a slow writer of its body gains none, and no slow reader. But
    /// each part of an answer in parts has the time anew, since a large file takes a slow line long.
    pub(crate) fn restarts_clock(self, event: Event) -> bool {
        match self {
            Phase::Busy => matches!(event, Event::RequestCame | Event::PartMade),
            Phase::Body | Phase::Sending | Phase::SendingLast => false,
            Phase::Hello | Phase::Queued | Phase::Handshake | Phase::Head | Phase::Idle => true,
        }
    }

    /// Whether the last request was answered and no other has begun.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, Phase::Sending | Phase::SendingLast | Phase::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(events: &[Event]) -> Phase {
        events.iter().fold(Phase::Hello, |phase, &event| phase.after(event))
    }

    #[test]
    fn a_tls_connection_goes_through_all_phases() {
        use Event::*;
        let way = [
            (HelloCame, Phase::Queued),
            (Admitted, Phase::Handshake),
            (Ready, Phase::Head),
            (BytesCame, Phase::Head),
            (RequestCame, Phase::Busy),
            (BodyAwaited, Phase::Body),
            (BytesCame, Phase::Busy),
            (AnswerMade, Phase::Sending),
            (Flushed, Phase::Idle),
            (Flushed, Phase::Idle),
            (BytesCame, Phase::Head),
            (RequestCame, Phase::Busy),
            (Flushed, Phase::Busy),
            (LastAnswerMade, Phase::SendingLast),
            (Flushed, Phase::SendingLast),
            (CloseDeferred, Phase::Sending),
            (Flushed, Phase::Idle),
        ];
        let mut phase = Phase::Hello;
        for (event, expected) in way {
            phase = phase.after(event);
            assert_eq!(phase, expected, "after {event:?}");
        }
    }

    #[test]
    fn requests_sent_together_follow_each_other_without_a_pause() {
        use Event::*;
        assert_eq!(run(&[Ready, BytesCame, RequestCame, AnswerMade, RequestCame]), Phase::Busy);
    }

    #[test]
    fn only_a_queue_of_ours_and_a_handler_make_the_peer_wait() {
        let ours = Phase::ALL.into_iter().filter(|phase| !phase.waits_for_peer());
        assert_eq!(ours.collect::<Vec<_>>(), [Phase::Queued, Phase::Busy]);
    }

    #[test]
    fn a_phase_is_its_number() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase as u8), phase);
        }
    }
}

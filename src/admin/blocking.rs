//! Work that takes a core for milliseconds or more: beside the runtime, whose threads answer
//! phones, and a few at a time. Each company has one turn at a time, so that what one of them
//! asks for waits for itself, and anybody else for a piece or two of it at most.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::sleep;

use super::answer::Fail;

use crate::domain::{CompanyId, Role, User, UserId, subscriber};
use crate::throttle::{Busy, Turns};

/// Pieces of work at a time. There may be no more cores than that, and phones come first.
const AT_ONCE: usize = 2;
/// How many jobs of one party run at a time.
const OF_A_PARTY: usize = 1;

/// Those who have one turn together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Party {
    /// All who are no System-Admin and belong to it.
    Company(CompanyId),
    /// A System-Admin, or one who belongs to no company but the default one.
    User(UserId),
    /// Who is not known yet (IPv6: a /64).
    Network(IpAddr),
}

impl Party {
    pub(super) fn of(user: &User) -> Party {
        match (&user.role, &user.company) {
            (Role::CompanyAdmin | Role::User, Some(company)) => Party::Company(company.clone()),
            (Role::SystemAdmin, _) | (_, None) => Party::User(user.id),
        }
    }

    pub(super) fn of_address(address: IpAddr) -> Party {
        Party::Network(subscriber(address))
    }
}

/// Turns for such work, in order of asking, of a party and then of all.
pub(super) struct Blocking {
    turns: Turns<Party>,
    place_timeout: Duration,
}

impl Blocking {
    /// Whoever waits for longer than `place_timeout` is told to come again.
    pub(super) fn new(place_timeout: Duration) -> Blocking {
        Blocking { turns: Turns::new(OF_A_PARTY, AT_ONCE), place_timeout }
    }

    /// Does `work` for `party` when it is its turn. Panics when it does.
    ///
    /// # Errors
    /// When that is not within the time, or the runtime ends before.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        party: Party,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fail> {
        let turn = self.turns.wait(party, sleep(self.place_timeout)).await.map_err(|busy| {
            let message = match busy {
                Busy::Caller => "Too much is being done for you already: ask for less at a time",
                Busy::Everybody => "Too much is being done for others, try again",
            };
            Fail::busy(busy, message)
        })?;
        // The work keeps its turn also when nobody waits for it any more.
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match working.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Fail::new("The gateway is going down")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use http::{StatusCode, header};
    use tokio::task::JoinHandle;

    use super::*;

    fn company(name: &str) -> Party {
        Party::Company(name.parse().unwrap())
    }

    /// Work that has its turn when this returns, and is done when the sender goes.
    async fn held(blocking: &Arc<Blocking>, party: Party) -> (Sender<()>, JoinHandle<()>) {
        let (end, ended) = channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let blocking = Arc::clone(blocking);
        let work = move || {
            begin.send(()).unwrap();
            let _ = ended.recv();
        };
        let working = tokio::spawn(async move { blocking.run(party, work).await.unwrap() });
        begun.await.unwrap();
        (end, working)
    }

    #[tokio::test]
    async fn a_company_has_one_turn_and_who_gets_none_learns_whose_they_are() {
        let blocking = Arc::new(Blocking::new(Duration::ZERO));
        let told = async |party| {
            let refused = blocking.run(party, || ()).await.unwrap_err().into_response();
            assert_eq!(refused.headers()[header::RETRY_AFTER], "5");
            refused.status()
        };
        let (end, working) = held(&blocking, company("acme")).await;
        assert_eq!(told(company("acme")).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(blocking.run(company("umbrella"), || 7).await.unwrap(), 7);
        let (other_end, other) = held(&blocking, company("umbrella")).await;
        assert_eq!(told(Party::User(UserId(1))).await, StatusCode::SERVICE_UNAVAILABLE);
        drop((end, other_end));
        working.await.unwrap();
        other.await.unwrap();
        assert_eq!(blocking.run(company("acme"), || 8).await.unwrap(), 8);
    }
}

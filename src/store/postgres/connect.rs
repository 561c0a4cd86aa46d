//! Opens sessions: to one address of one host after the other, each in bounded time.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};

use rand::seq::SliceRandom;
use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Notification, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use super::session::{ANSWER, Session};
use super::tls;
use super::url::PostgresUrl;
use crate::store::StoreError;
use crate::store::at_rest::Cipher;

/// What moves the bytes of a session.
type Moving =
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

/// A gateway that holds others up is let go of after this long by the server, when it went without
/// a word in the middle of a group of commits, or does not go on with one.
const SERVER_PATIENCE_MS: u128 = 2 * ANSWER.as_millis();

/// Addresses of one name that are tried at most: somebody may wait for all of them.
const MAX_ADDRESSES: usize = 8;

/// Makes connections to one database.
pub(super) struct Connector {
    pub url: PostgresUrl,
    /// The keys of what is encrypted.
    cipher: Cipher,
    tls: MakeRustlsConnect,
}

impl Connector {
    /// # Errors
    /// [`StoreError::Refused`] when a file for TLS is of no use.
    pub(super) fn new(url: PostgresUrl) -> Result<Connector, StoreError> {
        let tls = tls::connector(&url)
            .map_err(|why| StoreError::Refused { what: url.name().to_owned(), why })?;
        Ok(Connector { url, cipher: Cipher::default(), tls })
    }

    /// This, with keys for what is encrypted.
    pub(super) fn with_keys(self, cipher: Cipher) -> Connector {
        Connector { cipher, ..self }
    }

    /// A session with the first host that is as the URL wants it.
    ///
    /// # Errors
    /// What each of them said.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        self.listening(|_| {}).await
    }

    /// Does as [`Connector::session`]; what is notified is told to `notified` as long as the
    /// session is open.
    pub(super) async fn listening(
        &self,
        notified: impl FnMut(Notification) + Send + 'static,
    ) -> Result<Session, Failure> {
        let (client, moving) = self.first_host().await?;
        let ended = CancellationToken::new();
        let tells_end = ended.clone().drop_guard();
        let carrying = async move {
            carry(moving, notified).await;
            drop(tells_end);
        };
        let connection = tokio::spawn(carrying).abort_handle();
        let session = Session::new(client, connection, ended, self.cipher.clone());
        session.set_up(&self.settings()).await?;
        Ok(session)
    }

    async fn first_host(&self) -> Result<(Client, Moving), Failure> {
        let what = self.url.name();
        let refused = |why| StoreError::Refused { what: what.to_owned(), why };
        let mut hosts = self.url.hosts().await.map_err(refused)?;
        shuffle_if_wanted(&self.url.config, &mut hosts);
        let mut failed: Vec<(String, StoreError)> = Vec::new();
        for host in &hosts {
            let mut addresses = match self.in_time(addresses(host)).await {
                Ok(addresses) => addresses,
                Err(failure) => {
                    failed.push((name(host), failure.told(what)));
                    continue;
                }
            };
            shuffle_if_wanted(&self.url.config, &mut addresses);
            for address in &addresses {
                let connecting = async { Ok(address.connect(self.tls.clone()).await?) };
                match self.in_time(connecting).await {
                    Ok(connected) => return Ok(connected),
                    Err(failure) => failed.push((name(address), failure.told(what))),
                }
            }
        }
        Err(together(what, failed, hosts.len() == 1).into())
    }

    /// The client's own limit is for the connection alone: a server that is stopped takes that and
    /// says nothing.
    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let answered = tokio::time::timeout(self.url.connect_timeout(), asked).await;
        answered.unwrap_or(Err(Failure::Silent("no answer")))
    }

    /// What each session begins with. Not as options of the connection: a pooler in between takes
    /// none. Each statement is planned each time, for the tables as large as they are then: a plan that
    /// was kept from when they were empty reads all of them for every few devices.
    fn settings(&self) -> String {
        format!(
            "SET search_path TO \"{}\"; SET client_min_messages TO warning; \
             SET statement_timeout TO {}; SET idle_in_transaction_session_timeout TO {patience}; \
             SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5; \
             SET tcp_keepalives_count TO 3; SET tcp_user_timeout TO {patience}; \
             SET plan_cache_mode TO force_custom_plan; SET jit TO off",
            self.url.schema,
            ANSWER.as_millis(),
            patience = SERVER_PATIENCE_MS,
        )
    }
}

/// As libpq has it for `load_balance_hosts=random`.
fn shuffle_if_wanted(config: &Config, places: &mut [Config]) {
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        places.shuffle(&mut rand::rng());
    }
}

/// One configuration for each address of a host: the client takes one time for all of them.
async fn addresses(host: &Config) -> Result<Vec<Config>, Failure> {
    let ([Host::Tcp(name)], []) = (host.get_hosts(), host.get_hostaddrs()) else {
        return Ok(vec![host.clone()]);
    };
    let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Vec::from_iter);
    let why = match found {
        Ok(found) if !found.is_empty() => {
            return Ok(at_each(host, found.iter().map(SocketAddr::ip)));
        }
        Ok(_) => format!("{name} has no address"),
        Err(error) => format!("the address of {name} is not found: {error}"),
    };
    Err(StoreError::Unavailable { what: name.clone(), why }.into())
}

fn at_each(host: &Config, addresses: impl Iterator<Item = IpAddr>) -> Vec<Config> {
    let at = |address| {
        let mut one = host.clone();
        one.hostaddr(address);
        one
    };
    addresses.take(MAX_ADDRESSES).map(at).collect()
}

/// What all places said for which there is no session. What a single host said is its own word,
/// if it says the same at each address.
fn together(what: &str, failed: Vec<(String, StoreError)>, is_single: bool) -> StoreError {
    if let [(_, first), rest @ ..] = &failed[..]
        && is_single
        && rest.iter().all(|(_, error)| error == first)
    {
        return first.clone();
    }
    let may_pass = failed.iter().any(|(_, error)| error.may_pass());
    let said = failed.into_iter().map(|(place, error)| match error {
        StoreError::Unavailable { why, .. }
        | StoreError::Refused { why, .. }
        | StoreError::Unusable { why, .. } => format!("{place}: {why}"),
        error => format!("{place}: {error}"),
    });
    let (what, why) = (what.to_owned(), said.collect::<Vec<_>>().join("; "));
    if may_pass { StoreError::Unavailable { what, why } } else { StoreError::Refused { what, why } }
}

fn name(config: &Config) -> String {
    match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), Some(address)) if *name != address.to_string() => {
            format!("{name} ({address})")
        }
        (Some(Host::Tcp(name)), _) => name.clone(),
        (Some(Host::Unix(path)), _) => path.display().to_string(),
        (None, Some(address)) => address.to_string(),
        (None, None) => String::new(),
    }
}

/// Ends with the connection; whoever asks on it is told why then.
async fn carry(mut moving: Moving, mut notified: impl FnMut(Notification)) {
    loop {
        match poll_fn(|context| moving.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(notification))) => notified(notification),
            // Notices are for people at a prompt.
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_of_a_name_is_a_place_of_its_own() {
        let mut host = Config::new();
        host.host("db.example").port(5433).user("gw");
        let found: Vec<IpAddr> = (0..20u8).map(|last| [192, 0, 2, last].into()).collect();
        let places = at_each(&host, found.iter().copied());
        assert_eq!(places.len(), MAX_ADDRESSES);
        for (place, address) in places.iter().zip(found) {
            // The certificate is still that of the name.
            assert_eq!(place.get_hosts(), [Host::Tcp("db.example".to_owned())]);
            assert_eq!((place.get_hostaddrs(), place.get_ports()), (&[address][..], &[5433][..]));
            assert_eq!(name(place), format!("db.example ({address})"));
        }
    }

    #[test]
    fn what_each_address_says_is_told_once_where_it_is_the_same() {
        let silent = || StoreError::Unavailable { what: "x".to_owned(), why: "silent".to_owned() };
        let closed = || StoreError::Refused { what: "x".to_owned(), why: "closed".to_owned() };
        let at = |place: &str, error| (place.to_owned(), error);
        assert_eq!(together("x", vec![at("a", silent()), at("b", silent())], true), silent());
        let both = together("x", vec![at("a", silent()), at("b", closed())], true);
        assert_eq!(
            both.to_string(),
            silent().to_string().replace("silent", "a: silent; b: closed")
        );
        let hosts = together("x", vec![at("a", closed()), at("b", closed())], false);
        assert_eq!(
            hosts.to_string(),
            closed().to_string().replace("closed", "a: closed; b: closed")
        );
    }
}

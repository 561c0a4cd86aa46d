//! Opens sessions: to one host after the other, each in bounded time.

use std::future::poll_fn;

use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Notification, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use super::session::{ANSWER, Session};
use super::tls;
use super::url::PostgresUrl;
use crate::domain::ErrorChain;
use crate::store::StoreError;

/// What moves the bytes of a session.
type Moving =
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

/// A gateway that holds others up is let go of after this long by the server, when it went without
/// a word in the middle of a group of commits, or does not go on with one.
const SERVER_PATIENCE_MS: u128 = 2 * ANSWER.as_millis();

/// Makes connections to one database.
pub(super) struct Connector {
    pub url: PostgresUrl,
    tls: MakeRustlsConnect,
}

impl Connector {
    /// # Errors
    /// [`StoreError::Refused`] when a file for TLS is of no use.
    pub(super) fn new(url: PostgresUrl) -> Result<Connector, StoreError> {
        let tls = tls::connector(&url)
            .map_err(|why| StoreError::Refused { what: url.name().to_owned(), why })?;
        Ok(Connector { url, tls })
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
        let session = Session::new(client, connection, ended);
        session.set_up(&self.settings()).await?;
        Ok(session)
    }

    async fn first_host(&self) -> Result<(Client, Moving), Failure> {
        let what = self.url.name();
        let refused = |why| StoreError::Refused { what: what.to_owned(), why };
        let hosts = self.url.hosts().await.map_err(refused)?;
        let mut said = Vec::with_capacity(hosts.len());
        let mut may_pass = false;
        for host in &hosts {
            // The client's own limit is for the connection alone: a server that is stopped takes
            // that and says nothing.
            let connecting = host.connect(self.tls.clone());
            match tokio::time::timeout(self.url.connect_timeout(), connecting).await {
                Ok(Ok(connected)) => return Ok(connected),
                // A single host needs no name.
                Ok(Err(error)) if hosts.len() == 1 => return Err(error.into()),
                Ok(Err(error)) => {
                    said.push(format!("{}: {}", name(host), ErrorChain(&error)));
                    may_pass |= Failure::from(error).told(what).may_pass();
                }
                Err(_) => {
                    said.push(format!("{}: no answer", name(host)));
                    may_pass = true;
                }
            }
        }
        let why = said.join("; ");
        if may_pass {
            return Err(StoreError::Unavailable { what: what.to_owned(), why }.into());
        }
        Err(refused(why).into())
    }

    /// What each session begins with. Not as options of the connection: a pooler in between takes
    /// none.
    fn settings(&self) -> String {
        format!(
            "SET search_path TO \"{}\"; SET client_min_messages TO warning; \
             SET statement_timeout TO {}; SET idle_in_transaction_session_timeout TO {patience}; \
             SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5; \
             SET tcp_keepalives_count TO 3; SET tcp_user_timeout TO {patience}",
            self.url.schema,
            ANSWER.as_millis(),
            patience = SERVER_PATIENCE_MS,
        )
    }
}

fn name(config: &Config) -> String {
    match (config.get_hosts().first(), config.get_hostaddrs().first()) {
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

//! Hears of commits as they are made, by whichever gateway. Whoever follows asks now and then
//! besides: what is not heard here comes a second later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::connect::Connector;
use super::error::Failure;
use super::group::channel;
use super::queries;
use crate::domain::Revision;

/// How long it waits after a connection ended before it makes another one.
const RETRY: Duration = Duration::from_millis(500);

/// Tells `head` of the newest revision, for ever: over connections that come and go.
pub(super) async fn run(connector: Arc<Connector>, head: watch::Sender<Revision>) {
    loop {
        // Whoever writes or reads tells what ails the database.
        let _ = listen(&connector, &head).await;
        tokio::time::sleep(RETRY).await;
    }
}

/// Returns when the connection ended.
async fn listen(connector: &Connector, head: &watch::Sender<Revision>) -> Result<(), Failure> {
    let tell = head.clone();
    let session = connector.listening(move |notification| {
        if let Ok(newest) = notification.payload().parse() {
            // Not the greatest: after a loss the numbers begin below.
            tell.send_replace(Revision(newest));
        }
    });
    let session = session.await?;
    session.execute(&format!("LISTEN \"{}\"", channel(&connector.url.schema))).await?;
    // What was missed meanwhile.
    head.send_replace(queries::header(&session, None).await?.head);
    session.ended().await;
    Ok(())
}

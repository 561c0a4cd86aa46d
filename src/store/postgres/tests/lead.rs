//! Of several handles one does what one of them does for all.

use super::*;
use crate::store::postgres::lead::{MOST_BETWEEN, system_clock};

async fn gateways<const N: usize>(lead: Duration) -> [PostgresStore; N] {
    let url = Cluster::shared().database();
    let mut all = Vec::new();
    for _ in 0..N {
        let (url, options) = (url.parse().unwrap(), Options { lead, ..Options::default() });
        all.push(PostgresStore::open_with(url, NOW, options, IfOlder::Upgrade).await.unwrap());
    }
    all.try_into().unwrap_or_else(|_| unreachable!("so many were made"))
}

/// Asks again until it leads: the server ends a session in its own time.
async fn takes_over(store: &PostgresStore) {
    for _ in 0..1_000 {
        if store.leads().await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never leads");
}

#[tokio::test]
async fn one_leads_until_it_is_closed_or_gone() {
    let [first, second, third] = gateways(MOST_BETWEEN).await;
    for _ in 0..3 {
        assert_eq!(second.leads().await, Ok(true));
        assert_eq!((first.leads().await, third.leads().await), (Ok(false), Ok(false)));
    }
    second.close().await;
    takes_over(&first).await;
    assert_eq!(third.leads().await, Ok(false));
    // As a process does that is killed: nothing is said to the server.
    drop(first);
    takes_over(&third).await;
    let other_schema =
        PostgresStore::open(format!("{}&schema=other", third.connector.url).parse().unwrap(), NOW);
    assert_eq!(other_schema.await.unwrap().leads().await, Ok(true), "another registry");
}

#[tokio::test]
async fn one_whose_session_ended_leads_again_or_another_does() {
    let [first, second] = gateways(MOST_BETWEEN).await;
    assert_eq!(first.leads().await, Ok(true));
    let name = first.connector.url.name().split(['/', '?']).nth(3).unwrap().to_owned();
    let end = format!(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_locks JOIN pg_database ON database = \
         pg_database.oid WHERE locktype = 'advisory' AND datname = '{name}'"
    );
    assert_eq!(Cluster::shared().sql("postgres", &end), "t");
    assert_eq!((second.leads().await, first.leads().await), (Ok(true), Ok(false)));
    assert_eq!(Cluster::shared().sql("postgres", &end), "t");
    assert_eq!((second.leads().await, first.leads().await), (Ok(true), Ok(false)));
}

#[tokio::test]
async fn one_that_does_not_go_on_leads_no_more() {
    let [stopped, other] = gateways(Duration::from_millis(300)).await;
    assert_eq!(stopped.leads().await, Ok(true));
    takes_over(&other).await;
}

#[tokio::test]
async fn one_whose_clock_is_wrong_leads_never() {
    let url: PostgresUrl = Cluster::shared().database().parse().unwrap();
    for wrong in [|| system_clock() + 90, || system_clock() - 40 * 86_400] {
        let options = Options { clock: wrong, ..Options::default() };
        let store = PostgresStore::open_with(url.clone(), NOW, options, IfOlder::Upgrade);
        assert_eq!(store.await.unwrap().leads().await, Ok(false));
    }
    let fast = Options { clock: || system_clock() + 30, ..Options::default() };
    let store = PostgresStore::open_with(url, NOW, fast, IfOlder::Upgrade).await.unwrap();
    assert_eq!(store.leads().await, Ok(true));
}

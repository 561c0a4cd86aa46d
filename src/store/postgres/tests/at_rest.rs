//! A database whose secrets are encrypted does all that another does, and its tables tell none.

use super::*;
use crate::store::conformance::{SECRETS, dump, with_secrets};
use crate::store::{Rekeyed, StoreKey};

fn key(of: u8) -> StoreKey {
    StoreKey::new([of; 32])
}

fn sealing(of: u8) -> Cipher {
    Cipher::new(Some(key(of)), None)
}

async fn with_keys(url: &str, cipher: Cipher) -> PostgresStore {
    PostgresStore::open_with_keys(url.parse().unwrap(), cipher, NOW).await.unwrap()
}

async fn two_with_a_key() -> (PostgresStore, PostgresStore, ()) {
    let url = Cluster::shared().database();
    (with_keys(&url, sealing(1)).await, with_keys(&url, sealing(1)).await, ())
}

conformance::suite!(two_with_a_key:
    a_device_comes_back_as_it_was_put
    a_put_replaces_ports_and_type
    a_phone_needs_its_company
    a_company_changes_by_its_revision_only
    users_come_back_and_change_by_their_revision_only
    logins_and_keys_are_unique
    system_settings_change_by_their_revision_only
    devices_come_in_order_and_in_pages
    of_two_last_admins_one_remains
    what_one_handle_commits_the_other_reads
    changes_are_told_from_any_revision_on
);

/// The secrets that are to be read in some row of some table.
async fn shown(url: &str) -> Vec<&'static str> {
    let session = Connector::new(url.parse().unwrap()).unwrap().session().await.unwrap();
    let mut all = String::new();
    for table in ["phone", "company", "system_settings", "user_account", "device", "event"] {
        let sql = format!("SELECT row_to_json(t)::text FROM {table} AS t");
        for row in session.query(&sql, session::parameters![]).await.unwrap() {
            all.push_str(row.get(0));
        }
    }
    SECRETS.into_iter().filter(|secret| all.contains(secret)).collect()
}

#[tokio::test]
async fn a_database_is_brought_under_a_key_then_another_and_out_again_while_it_is_used() {
    let url = Cluster::shared().database();
    let rekeyed = async |cipher: Cipher| PostgresStore::rekey(url.parse().unwrap(), cipher).await;
    let plain = on(&url).await;
    with_secrets(&plain).await;
    let before = dump(&plain).await;
    assert_eq!(shown(&url).await, SECRETS);
    let all = Rekeyed { rewritten: SECRETS.len() as u64, kept: 0 };

    // A gateway that is to read both goes on.
    let reading = with_keys(&url, Cipher::new(None, Some(key(1)))).await;
    assert_eq!(rekeyed(sealing(1)).await, Ok(all));
    assert_eq!(rekeyed(sealing(1)).await, Ok(Rekeyed { rewritten: 0, kept: all.rewritten }));
    assert_eq!(shown(&url).await, [""; 0]);
    assert_eq!(dump(&reading).await, before);

    // One that has no key says which it wants.
    for refused in
        [plain.tenancy().await.unwrap_err(), plain.devices_after(None, 9).await.unwrap_err()]
    {
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
        assert!(refused.to_string().contains(key(1).id()), "{refused}");
    }
    let wrong = rekeyed(sealing(2)).await.unwrap_err();
    assert!(matches!(wrong, StoreError::Refused { .. }), "{wrong}");

    assert_eq!(rekeyed(Cipher::new(Some(key(2)), Some(key(1)))).await, Ok(all));
    assert_eq!(dump(&with_keys(&url, sealing(2)).await).await, before);
    assert_eq!(rekeyed(sealing(2).writing_plain()).await, Ok(all));
    assert_eq!(dump(&plain).await, before);
    assert_eq!(shown(&url).await, SECRETS);
}

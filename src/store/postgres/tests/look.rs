//! What is told of a database before a gateway works with it.

use super::super::look::RIGHTS;
use super::*;
use crate::domain::{Subject, User};
use crate::store::SystemSettings;

async fn look(url: &str) -> FoundDatabase {
    PostgresStore::look(url.parse().unwrap()).await.unwrap()
}

/// The same database for a user who may do nothing but what was granted.
fn restricted(url: &str, user: &str, server: &Cluster) -> String {
    server.sql("postgres", &format!("CREATE USER {user}"));
    url.replace("gw@", &format!("{user}@"))
}

#[tokio::test]
async fn a_database_is_looked_at_and_left_as_it_is() {
    let server = Cluster::shared();
    let url = server.database();
    let found = look(&url).await;
    assert_eq!((found.tables, &found.problems), (FoundTables::None, &Vec::new()));
    assert!(found.server.parse::<f64>().is_ok_and(|version| version >= 15.0), "{}", found.server);
    let line = found.to_string();
    assert!(line.ends_with("no tables yet: made at the next start; all in order"), "{line}");
    assert_eq!(look(&url).await, found, "none were made");
    on(&url).await.close().await;
    let found = look(&url).await;
    assert_eq!((found.tables, &found.problems), (FoundTables::Current(2), &Vec::new()));
    let name = url.split(['/', '?']).nth(3).unwrap();
    server.sql(name, "INSERT INTO dialtone.schema_version VALUES (900, 899)");
    let found = look(&url).await;
    assert_eq!(found.tables, FoundTables::TooNew(900));
    assert!(found.problems[0].contains("upgrade it"), "{found:?}");
}

#[tokio::test]
async fn rights_are_known_for_all_tables() {
    let url = Cluster::shared().database();
    on(&url).await.close().await;
    let name = url.split(['/', '?']).nth(3).unwrap();
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'dialtone'";
    let tables = Cluster::shared().sql(name, sql);
    for table in tables.lines() {
        assert!(RIGHTS.iter().any(|(known, _)| *known == table), "{table}");
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_named() {
    let server = Cluster::shared();
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let as_reader = restricted(&url, "look_reader", server);
    let found = look(&as_reader).await;
    assert!(found.problems[0].contains("look_reader must not make them"), "{found:?}");
    on(&url).await.close().await;
    let found = look(&as_reader).await;
    assert_eq!(found.tables, FoundTables::Unknown);
    assert!(found.problems[0].contains("grant it USAGE on SCHEMA dialtone"), "{found:?}");
    server.sql(name, "GRANT USAGE ON SCHEMA dialtone TO look_reader");
    let found = look(&as_reader).await;
    assert!(found.problems[0].contains("permission denied for table schema_version"), "{found:?}");
    assert!(found.problems[1].contains("grant it SELECT on schema_version, "), "{found:?}");
    server.sql(name, "GRANT SELECT ON ALL TABLES IN SCHEMA dialtone TO look_reader");
    let found = look(&as_reader).await;
    assert_eq!(found.tables, FoundTables::Current(2));
    assert!(found.problems[0].contains("look_reader lacks rights: grant it"), "{found:?}");
    // What it names is enough.
    let (_, rights) = found.problems[0].split_once("grant it ").unwrap();
    for right in rights.split(", ") {
        let (right, table) = right.split_once(" on ").unwrap();
        server.sql(name, &format!("GRANT {right} ON dialtone.{table} TO look_reader"));
    }
    assert_eq!(look(&as_reader).await.problems, Vec::<String>::new());
    let store = on(&as_reader).await;
    let (mut made, acme) = (conformance::device(1, 1), conformance::company("acme"));
    conformance::activate(&mut made, 0, "acme");
    let put = [conformance::put_company(&acme, None), conformance::put(&made, None)];
    let revision = conformance::done(&store, put).await;
    let user = conformance::user(1, "ann");
    let with_user = [Mutation::PutUser { user: user.clone(), expect: None }];
    let of_user = conformance::done(&store, with_user).await;
    let changed = User { name: "Ann".to_owned(), ..user };
    let rest = [
        Mutation::PutUser { user: changed, expect: Some(of_user) },
        Mutation::PutSystemSettings { system: SystemSettings::default(), expect: Revision::NONE },
        Mutation::RemoveDevice { mac: made.mac, expect: revision },
        Mutation::RemoveCompany { id: acme.id, expect: revision },
        Mutation::Append(conformance::event(Subject::Phone, "x", "default")),
    ];
    conformance::done(&store, rest).await;
    assert!(store.catalogue_since("digest", NOW).await.is_ok());
    store.ask(Work::Probe).await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_an_error() {
    let nowhere = tempfile::tempdir().unwrap();
    let url = format!("postgres://gw@/x?host={}", nowhere.path().display());
    let error = PostgresStore::look(url.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

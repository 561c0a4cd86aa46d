//! Tables of other versions, and of none.

use super::*;
use crate::store::conformance::{commit, device, dump, put};

fn database(url: &str) -> &str {
    url.split(['/', '?']).nth(3).unwrap()
}

async fn refused(url: &str) -> String {
    match PostgresStore::open(url.parse().unwrap(), NOW).await {
        Err(StoreError::Unusable { why, .. }) => why,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is opened"),
    }
}

/// As a program would that is one version newer, and says which ones may go on beside it.
fn upgrade(url: &str, compatible_from: i32) {
    let sql = format!(
        "INSERT INTO dialtone.schema_version VALUES ({}, {compatible_from}); \
         ALTER TABLE dialtone.device ADD COLUMN later text",
        schema::newest() + 1
    );
    Cluster::shared().sql(database(url), &sql);
}

#[tokio::test]
async fn neighbouring_versions_run_beside_each_other() {
    let url = Cluster::shared().database();
    let before = on(&url).await;
    commit(&before, [put(&device(1, 1), None)]).await.unwrap();
    upgrade(&url, schema::newest());
    commit(&before, [put(&device(2, 1), None)]).await.unwrap();
    // Also one that starts only then.
    let after = on(&url).await;
    commit(&after, [put(&device(3, 1), None)]).await.unwrap();
    assert_eq!(dump(&before).await, dump(&after).await);
}

#[tokio::test]
async fn tables_that_are_too_new_are_refused_by_name() {
    let url = Cluster::shared().database();
    let before = on(&url).await;
    upgrade(&url, schema::newest() + 1);
    let why = refused(&url).await;
    assert!(why.contains("newer dialtone") && why.contains("upgrade"), "{why}");
    // One that runs writes no more.
    let written = commit(&before, [put(&device(1, 1), None)]).await.unwrap_err().to_string();
    assert!(written.contains("newer dialtone"), "{written}");
}

#[tokio::test]
async fn who_must_not_make_tables_is_told_what_to_do() {
    let server = Cluster::shared();
    let url = server.database();
    let name = database(&url);
    let role = format!("role_{name}");
    server.sql(name, &format!("CREATE ROLE {role} LOGIN"));
    let as_role = url.replace("gw@", &format!("{role}@"));
    let why = refused(&as_role).await;
    assert!(why.contains("store migrate --print"), "{why}");
    // What is printed does.
    let script = PostgresStore::migration(as_role.parse().unwrap()).await.unwrap();
    server.sql(name, &script);
    let grant = format!(
        "GRANT USAGE ON SCHEMA dialtone TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dialtone TO {role}; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA dialtone TO {role}"
    );
    server.sql(name, &grant);
    let store = on(&as_role).await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    assert_eq!(PostgresStore::migration(as_role.parse().unwrap()).await.unwrap(), "");
}

#[tokio::test]
async fn who_was_given_the_schema_alone_makes_tables() {
    let server = Cluster::shared();
    let url = server.database();
    let name = database(&url);
    let role = format!("role_{name}");
    server.sql(name, &format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA dialtone"));
    let as_role = url.replace("gw@", &format!("{role}@"));
    server.sql(name, &format!("GRANT USAGE ON SCHEMA dialtone TO {role}"));
    let look = async || PostgresStore::look(as_role.parse().unwrap()).await.unwrap().problems;
    assert!(look().await[0].contains("grant it CREATE on SCHEMA dialtone"));
    server.sql(name, &format!("GRANT CREATE ON SCHEMA dialtone TO {role}"));
    assert_eq!(look().await, Vec::<String>::new());
    let script = PostgresStore::migration(as_role.parse().unwrap()).await.unwrap();
    let by_hand = script.replace("COMMIT", "ROLLBACK");
    server.sql(name, &format!("SET SESSION AUTHORIZATION {role}; {by_hand}"));
    commit(&on(&as_role).await, [put(&device(1, 1), None)]).await.unwrap();
}

#[tokio::test]
async fn who_makes_none_says_so() {
    let url = Cluster::shared().database();
    let opened =
        PostgresStore::open_without_upgrade(url.parse().unwrap(), Cipher::default(), NOW).await;
    let why = opened.err().unwrap().to_string();
    assert!(why.contains("no store in it"), "{why}");
    on(&url).await.close().await;
    PostgresStore::open_without_upgrade(url.parse().unwrap(), Cipher::default(), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn several_that_start_at_once_make_one_store() {
    let url = Cluster::shared().database();
    let (one, two, three) = tokio::join!(on(&url), on(&url), on(&url));
    assert_eq!(one.tenancy().await.unwrap().companies.len(), 1);
    commit(&two, [put(&device(1, 1), None)]).await.unwrap();
    assert_eq!(dump(&one).await, dump(&three).await);
}

#[tokio::test]
async fn schemas_of_one_database_are_stores_of_their_own() {
    let url = Cluster::shared().database();
    let (north, south) = (format!("{url}&schema=north"), format!("{url}&schema=south"));
    let (north, south) = (on(&north).await, on(&south).await);
    commit(&north, [put(&device(1, 1), None)]).await.unwrap();
    assert_eq!(south.head().await, Ok(Revision(1)));
}

#[tokio::test]
async fn an_operator_reads_phones() {
    let url = Cluster::shared().database();
    let store = on(&url).await;
    let mut active = device(2, 3);
    conformance::activate(&mut active, 1, "default");
    commit(&store, [put(&device(1, 1), None), put(&active, None)]).await.unwrap();
    let sql = "SET timezone TO 'UTC'; SELECT phoneid, mac, port, type, state, company, address, \
               first_seen FROM dialtone.phones ORDER BY phoneid";
    let rows = Cluster::shared().sql(database(&url), sql);
    let expected = [
        "0004130000010|000413000001|0|snom320|inactive||192.0.2.1|2023-11-14 22:13:20+00",
        "0004130000020|000413000002|0|snom320|inactive||192.0.2.1|2023-11-14 22:13:20+00",
        "0004130000021|000413000002|1|snom320|active|default|192.0.2.1|2023-11-14 22:13:20+00",
        "0004130000022|000413000002|2|snom320|inactive||192.0.2.1|2023-11-14 22:13:20+00",
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
}

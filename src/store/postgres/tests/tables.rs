//! What others do with the tables: reads that last.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_row_of_all_groups_comes_from_its_index() {
    let server = Cluster::shared();
    let url = server.database();
    on(&url).await.close().await;
    let name = url.split(['/', '?']).nth(3).unwrap();
    // As many versions as beside a long read.
    server.sql(
        name,
        "DO $$ BEGIN FOR i IN 1..5000 LOOP UPDATE dialtone.store SET head = head; END LOOP; END $$",
    );
    let session = Connector::new(url.parse().unwrap()).unwrap().session().await.unwrap();
    let known = || session::parameters![0i64];
    let group = || session::parameters![1i64, 0i64, 1i64, 0i64, 1i64, "x", true];
    for (sql, values) in [
        (needs::LEDGER, Vec::new()),
        (needs::LOCK, Vec::new()),
        (queries::HEADER, known()),
        (write::PUT_LEDGER, group()),
    ] {
        let plan = session.query(&format!("EXPLAIN {sql}"), values).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("store_pkey") && !plan.contains("Scan on store"), "{sql}: {plan}");
    }
}

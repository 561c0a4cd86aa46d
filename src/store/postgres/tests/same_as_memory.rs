//! Any sequence of commits is answered and kept the same as by the store in memory.

use proptest::prelude::*;

use super::*;
use crate::store::conformance::{commits, dump, same_as_in_memory};

proptest! {
    // Each case has a database of its own, and waits for the disk up to 60 times.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_commits_are_the_same_in_both(commits in commits()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = Cluster::shared().database();
            let store = on(&url).await;
            let state = same_as_in_memory(&store, commits).await?;
            store.close().await;
            prop_assert_eq!(dump(&on(&url).await).await, state);
            Ok(())
        })?;
    }
}

//! Any sequence of commits is answered and kept the same as by the store in memory.

use proptest::prelude::*;

use super::*;
use crate::store::conformance::{commits, dump, same_as_in_memory};

proptest! {
    // Each case waits for the disk up to 60 times.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_commits_are_the_same_in_both(commits in commits()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (file, directory) = fresh().await;
            let state = same_as_in_memory(&file, commits).await?;
            file.close().await;
            let again = SqliteStore::open(&directory.path().join(FILE), NOW + 1).unwrap();
            prop_assert_eq!(dump(&again).await, state);
            Ok(())
        })?;
    }
}

//! What every store does, whatever it is made of. A store's tests import all
//! of it with [`suite!`].

mod bans;
mod devices;
mod following;
mod guards;
mod record;
mod samples;
mod sequences;
mod tenants;
mod whole;

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{
    Change, Changed, Changes, EventFilter, Guard, MAX_REMEMBERED_COMMIT, Mutation, Object, Store,
    StoreError, SystemSettings, Tenancy,
};
use crate::domain::settings::{Layer, Written};
use crate::domain::{
    Action, ApiKeyHash, Claim, Company, CompanyId, Device, Event, EventId, Mac, PasswordSeed,
    Phone, Port, Revision, Role, SecondFactor, Sighting, State, Strength, Subject, Timestamp,
    TypeKey, User, UserId, Waiting,
};

pub(super) use self::{
    bans::*, devices::*, following::*, guards::*, record::*, samples::*, sequences::*, tenants::*,
    whole::*,
};
/// When the stores under test are made.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// One test for each case. `$fresh` gives two handles on one new store, and what must live
/// as long.
macro_rules! suite {
    ($fresh:path) => {
        $crate::store::conformance::suite!($fresh:
            a_new_store_has_the_default_company_only
            a_device_comes_back_as_it_was_put
            a_second_insert_of_one_mac_is_a_conflict
            a_device_is_one_entry_whatever_it_claims
            a_put_replaces_ports_and_type
            a_put_from_a_stale_revision_is_a_conflict
            of_two_promotes_at_once_one_wins
            a_commit_is_all_or_nothing
            writes_of_a_commit_see_those_before_them
            a_device_is_removed_by_its_revision_only
            a_noted_sighting_changes_nothing_else
            a_noted_sighting_keeps_what_it_does_not_tell
            a_device_is_noted_once_in_its_hour_unless_it_shows_something_else
            the_first_time_a_device_was_served_stays
            a_put_keeps_a_sighting_noted_since_the_read
            what_files_have_set_is_added_up
            what_files_have_set_is_told_and_is_no_change
            what_files_set_in_a_removed_device_is_known
            a_phone_needs_its_company
            a_company_changes_by_its_revision_only
            a_named_company_stays
            users_come_back_and_change_by_their_revision_only
            logins_and_keys_are_unique
            a_user_needs_its_companies
            system_settings_change_by_their_revision_only
            events_are_numbered_in_order_of_commit
            events_are_paged_newest_first
            events_are_found_by_subject_name_and_company
            devices_come_in_order_and_in_pages
            devices_are_read_by_name
            a_commit_holds_only_while_its_guards_do
            of_two_last_admins_one_remains
            one_revision_numbers_all_changes
            a_stale_expectation_fits_nothing_made_anew
            what_one_handle_commits_the_other_reads
            changes_are_told_from_any_revision_on
            changes_come_in_pages_of_whole_commits
            a_removal_is_told
            a_commit_too_large_to_remember_is_read_anew
            bans_are_put_over_each_other_and_told
            a_ban_is_part_of_its_commit
            a_catalogue_keeps_its_first_time
            a_closed_store_says_so
        );
    };
    ($fresh:path: $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (store, other, _held) = $fresh().await;
            $crate::store::conformance::$case(&store, &other).await;
        }
    )*};
}
pub(super) use suite;

//! Whether people must have a second factor.

use super::auth::Caller;
use super::commands::Command;

/// Whom a second factor is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorRule {
    /// Those who have one.
    Optional,
    /// Everybody who signs in with a password. Who has none yet can do nothing but set one up. API
    /// keys are for programs, and go on.
    Required,
}

impl SecondFactorRule {
    /// Whether the caller must set one up before it may use the command.
    pub(super) fn forbids(self, caller: &Caller, command: &Command) -> bool {
        self == SecondFactorRule::Required
            && caller.method.is_of_a_person()
            && caller.user.factor_in_force().is_none()
            && !command.sets_up_second_factor()
    }
}

//! What the process settles with the kernel before it serves: how many files it may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Descriptors beside those of connections: listeners, the store's files, the log, the runtime's
/// own, and templates and certificates while they are read.
const BESIDE_CONNECTIONS: u64 = 64;

/// Raises the limit of open files to what `config` needs, and gives the configuration that fits in
/// what was had: with fewer connections of phones, of which those of no use are closed first,
/// rather than phones that nobody accepts.
pub(super) fn fit_descriptors(mut config: Config) -> Config {
    let wanted = config.handset.max_connections;
    let needed = (wanted + config.admin.max_connections) as u64 + BESIDE_CONNECTIONS;
    let available = raise_to(needed);
    let fitting = fitting(wanted, config.admin.max_connections, available);
    if fitting < wanted {
        tracing::warn!(
            needed,
            available,
            "[handset] max_connections is {wanted}, but the process may open too few files for them: \
             {fitting} are served at a time; set LimitNOFILE={needed} in the service's unit, \
             or lower max_connections",
        );
        config.handset.max_connections = fitting;
    }
    config
}

/// The limit of open files in force, `needed` if it can be had.
fn raise_to(needed: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // `None`: no limit.
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let raised = limit.maximum.unwrap_or(u64::MAX).min(needed);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }) {
        Ok(()) => raised,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised to {raised}");
            current
        }
    }
}

/// How many connections of phones `available` descriptors are enough for. The smallest number that
/// the configuration takes, however few there are: the accept loops close what is of no use then.
fn fitting(wanted: usize, admin: usize, available: u64) -> usize {
    let left = available.saturating_sub(BESIDE_CONNECTIONS + admin as u64);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX).max(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_have_what_operators_and_files_leave() {
        assert_eq!(fitting(16_384, 256, u64::MAX), 16_384);
        assert_eq!(fitting(16_384, 256, 16_384 + 256 + BESIDE_CONNECTIONS), 16_384);
        assert_eq!(fitting(16_384, 256, 1_024), 1_024 - 256 - 64);
        assert_eq!(fitting(16_384, 256, 100), 16);
        assert_eq!(fitting(20, 256, 1_024), 20);
    }
}

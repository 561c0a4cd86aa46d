//! What the simulator itself costs, and what it may use: stated in every report, so
//! that it is not taken for the gateway's.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Descriptors that are not connections: files, the runtime's, the admin API's.
const OTHER_DESCRIPTORS: u64 = 64;

/// Processor time of this process so far, all threads.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The most memory this process had resident, in bytes; `None` where `/proc` does not say.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Makes room for `connections`, raising the soft limit as far as the hard one lets it.
///
/// # Errors
/// A message that says what is missing and what to do.
pub fn make_room(connections: usize) -> Result<(), String> {
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    let limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|soft| soft >= needed) {
        return Ok(());
    }
    if let Some(hard) = limits.maximum.filter(|&hard| hard < needed) {
        let room = hard.saturating_sub(OTHER_DESCRIPTORS);
        return Err(format!(
            "{connections} connections need {needed} descriptors, and this process may have \
             {hard} (ulimit -Hn): ask for --connections {room} or fewer, or raise the limit"
        ));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limits.maximum })
        .map_err(|error| format!("cannot raise the limit of descriptors to {needed}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_cost() {
        let before = cpu_time();
        let mut random = crate::simulator::seeded_random::SeededRandom::new(1, 1);
        while cpu_time() == before {
            random.next_u64();
        }
        assert!(peak_memory().is_none_or(|bytes| bytes > 1_000_000));
    }

    #[test]
    fn more_than_the_hard_limit_is_refused_with_advice() {
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = make_room(usize::MAX / 4).unwrap_err();
            assert!(error.contains("ulimit -Hn"), "{error}");
        }
        make_room(1).unwrap();
    }
}

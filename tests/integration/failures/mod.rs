//! Servers and gateways that fail: what phones and operators see of it, and what is there after.

mod failover;
mod full_disk;
mod kills;
mod stale;

//! An error with its causes, for whoever tells it: no error has its cause in its own words.

use std::error::Error;
use std::fmt;

/// Shows an error and each of its sources, with colons: `cannot read x.pem: Permission denied`.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = self.0.to_string();
        f.write_str(&before)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let told = cause.to_string();
            // Some libraries do have their cause in their own words.
            if !before.ends_with(&told) {
                write!(f, ": {told}")?;
                before = told;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{told}")]
    struct Told {
        told: &'static str,
        source: Option<Box<Told>>,
    }

    fn chain(told: &[&'static str]) -> String {
        let wrap = |source, told: &&'static str| Some(Box::new(Told { told, source }));
        ErrorChain(&*told.iter().rev().fold(None, wrap).unwrap()).to_string()
    }

    #[test]
    fn causes_follow_and_none_is_told_twice() {
        assert_eq!(
            chain(&["no start", "cannot read x", "denied"]),
            "no start: cannot read x: denied"
        );
        assert_eq!(chain(&["TLS: bad record", "bad record"]), "TLS: bad record");
    }
}

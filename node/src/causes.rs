//! Errors of libp2p, which say what they are and leave to others why.

use std::error::Error;

/// What an error says, and all that have caused it: some say nothing themselves.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // One that wraps another may have told of it already.
        if !said.is_empty() && !told.iter().any(|before| before.contains(&said)) {
            told.push(said);
        }
        next = error.source();
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use libp2p::TransportError;

    use super::*;

    #[test]
    fn what_says_nothing_is_left_out_and_what_was_said_is_not_said_again() {
        let refused = || io::Error::other("the port is taken");
        assert_eq!(with_causes(&TransportError::Other(refused())), "the port is taken");
        #[derive(Debug, thiserror::Error)]
        #[error("it cannot listen: {0}")]
        struct Outer(#[source] io::Error);
        assert_eq!(with_causes(&Outer(refused())), "it cannot listen: the port is taken");
    }
}

//! Whom peers let in.

//! The pure heart of peerlab.

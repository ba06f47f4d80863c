//! The discrete-event engine of peerlab.

//! The discrete-event engine of peerlab, its reports and what they are drawn with.

pub mod assemble;
pub mod charts;
pub mod compare;
pub mod copies;
pub mod cost;
pub mod engine;
pub mod facts;
pub mod figures;
pub mod folder;
pub mod gossipsub;
pub mod html;
pub mod junit;
pub mod model;
pub mod page;
pub mod plan_tables;
pub mod quantity;
pub mod record;
pub mod replicates;
pub mod verify;
pub mod warm_up;

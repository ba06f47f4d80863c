//! People in a room: real processes, driven through pipes.

mod person;
mod stories;

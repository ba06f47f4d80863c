//! Reading posts that were recorded elsewhere.

use super::{ChatPlanError, MAX_BODY};
use crate::units::Nanos;

/// A post to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TracePost {
    pub(super) at: Nanos,
    pub(super) room: u32,
    /// Place among the room's members.
    pub(super) member: u32,
    pub(super) bytes: u32,
}

const HEADER: &str = "time,room,member,bytes";

/// Reads a trace, in any order of time. `starts` is where each room's members begin, and where the last one's end.
///
/// A post at the run's end or later would never be said, so it is refused: a trace that was cut without a word would look like
/// one that was replayed.
pub(super) fn read(text: &str, starts: &[usize], duration: Nanos) -> Result<Vec<TracePost>, ChatPlanError> {
    let mut posts = Vec::new();
    let mut late = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        let row = row.trim();
        if row.is_empty() || (line == 1 && row.split(',').map(str::trim).eq(HEADER.split(','))) {
            continue;
        }
        let post = read_row(row, starts).map_err(|why| ChatPlanError::Trace { line, why })?;
        if post.at < duration {
            posts.push(post);
        } else {
            late.push(line);
        }
    }
    if let [line, others @ ..] = late.as_slice() {
        let more =
            if others.is_empty() { String::new() } else { format!(", nor are {} more below", others.len()) };
        let why = format!("it is not said before the run ends after {duration}{more}");
        return Err(ChatPlanError::Trace { line: *line, why });
    }
    posts.sort_by_key(|post| (post.at, post.room));
    Ok(posts)
}

fn read_row(row: &str, starts: &[usize]) -> Result<TracePost, String> {
    let fields: Vec<_> = row.split(',').map(str::trim).collect();
    let &[time, room, member, bytes] = fields.as_slice() else {
        return Err(format!("{} values where `{HEADER}` has 4", fields.len()));
    };
    let at = time.parse::<Nanos>().map_err(|error| error.to_string())?;
    let room = below("room", room, starts.len() - 1)?;
    let member = below("member", member, starts[room as usize + 1] - starts[room as usize])?;
    let bytes = below("bytes", bytes, MAX_BODY.0 as usize + 1)?;
    Ok(TracePost { at, room, member, bytes })
}

fn below(what: &str, text: &str, bound: usize) -> Result<u32, String> {
    let number: Option<u32> = text.parse().ok();
    number
        .filter(|&number| (number as usize) < bound)
        .ok_or_else(|| format!("{what} `{text}` is not a whole number below {bound}"))
}

//! The two-dimensional mesh, and the torus that it becomes when its borders are joined (Dally and Towles,
//! Principles and Practices of Interconnection Networks, 2004, chapter 5: k-ary n-mesh and k-ary n-cube for n
//! = 2). Connected.
//!
//! Peers are numbered row by row. A grid's last row may be short. A torus has full rows; along a side of two,
//! the link around is the link between, so these peers have one link fewer.

use super::{TopologyError, graph::room_for};
use crate::spec::topology::Grid;

pub(super) fn links(grid: &Grid, peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    if peers == 0 {
        return Ok(Vec::new());
    }
    let columns = columns(grid, peers)?;
    let mut links = room_for(2 * u64::from(peers))?;
    for peer in 0..peers {
        let first_of_row = peer - peer % columns;
        let beside = if peer + 1 < peers && peer + 1 - first_of_row < columns {
            Some(peer + 1)
        } else {
            grid.torus.then_some(first_of_row)
        };
        let below = match peer.checked_add(columns) {
            Some(below) if below < peers => Some(below),
            _ => grid.torus.then_some(peer % columns),
        };
        links.extend([beside, below].into_iter().flatten().map(|neighbour| [peer, neighbour]));
    }
    Ok(links)
}

/// The length of a row: as written, or as near to a square as possible.
fn columns(grid: &Grid, peers: u32) -> Result<u32, TopologyError> {
    match grid.columns {
        Some(0) => Err(TopologyError::TooSmall { field: "grid.columns", given: 0, least: 1 }),
        Some(columns) if columns > peers => Err(TopologyError::RowTooLong { columns, peers }),
        Some(columns) if grid.torus && !peers.is_multiple_of(columns) => {
            Err(TopologyError::ShortRow { columns, peers })
        }
        Some(columns) => Ok(columns),
        None if grid.torus => {
            let side = (1..=peers.isqrt()).rev().find(|&side| peers.is_multiple_of(side));
            match side {
                Some(1) | None if peers > 3 => Err(TopologyError::PrimeTorus { peers }),
                side => Ok(peers / side.unwrap_or(1)),
            }
        }
        None => Ok(peers.isqrt() + u32::from(peers.isqrt().pow(2) < peers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_near_to_a_square_as_possible() {
        let columns = |peers, torus| columns(&Grid { columns: None, torus }, peers);
        assert_eq!(columns(12, false), Ok(4));
        assert_eq!(columns(16, false), Ok(4));
        assert_eq!(columns(17, false), Ok(5));
        assert_eq!(columns(12, true), Ok(4));
        assert_eq!(columns(3, true), Ok(3));
        assert_eq!(columns(13, true), Err(TopologyError::PrimeTorus { peers: 13 }));
    }

    #[test]
    fn a_short_last_row_has_no_link_past_its_end() {
        let grid = Grid { columns: Some(3), torus: false };
        assert_eq!(links(&grid, 5), Ok(vec![[0, 1], [0, 3], [1, 2], [1, 4], [3, 4]]));
    }

    #[test]
    fn a_torus_of_short_rows_says_what_would_fill_them() {
        let error = links(&Grid { columns: Some(5), torus: true }, 12).unwrap_err();
        assert_eq!(error.field(), "grid.columns");
        assert!(error.to_string().ends_with("use columns that divide 12, or 15 peers"), "{error}");
    }
}

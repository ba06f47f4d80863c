//! The connected components, and the largest of them as a graph of its own.

use crate::plan::topology::Graph;

/// What the components of a graph come to.
pub(super) struct Components {
    /// How many there are; a peer without links is one.
    pub(super) count: u32,
    /// The largest, or of several the one with the lowest peer. Its peers are numbered in the order of a
    /// breadth-first walk, so that numbers next to each other belong to peers near each other: what is
    /// computed on it then stays in the processor's caches, and the searches of one batch share their way.
    pub(super) largest: Graph,
}

impl Components {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut walked: Vec<u32> = Vec::with_capacity(graph.peers() as usize);
        let mut place = vec![u32::MAX; graph.peers() as usize];
        let (mut count, mut largest) = (0, 0..0);
        for start in 0..graph.peers() {
            if place[start as usize] != u32::MAX {
                continue;
            }
            count += 1;
            let first = walked.len();
            let mut next = first;
            place[start as usize] = 0;
            walked.push(start);
            while next < walked.len() {
                for &neighbour in graph.neighbours(walked[next]) {
                    if place[neighbour as usize] == u32::MAX {
                        place[neighbour as usize] = (walked.len() - first) as u32;
                        walked.push(neighbour);
                    }
                }
                next += 1;
            }
            if walked.len() - first > largest.len() {
                largest = first..walked.len();
            }
        }
        let links: Vec<[u32; 2]> = walked[largest.clone()]
            .iter()
            .flat_map(|&peer| graph.neighbours(peer).iter().map(move |&neighbour| [peer, neighbour]))
            .filter(|[a, b]| a < b)
            .map(|[a, b]| [place[a as usize], place[b as usize]])
            .collect();
        Self { count, largest: Graph::from_links(largest.len() as u32, &links) }
    }
}

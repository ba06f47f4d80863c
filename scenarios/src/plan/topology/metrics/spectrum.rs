//! The spectral gap, by the Lanczos method.
//!
//! The normalised Laplacian is I − N with N = D^(−1/2) A D^(−1/2). Of a connected graph, the largest
//! eigenvalue of N is 1, and its eigenvector is known: √degree. With this vector taken out of every step, the
//! largest eigenvalue that is left is 1 minus the gap. Lanczos (Journal of Research of the National Bureau of
//! Standards 45, 1950) turns N into a small tridiagonal matrix whose extreme eigenvalues come close to those
//! of N long before it is large. Its vectors slowly lose their orthogonality, which repeats eigenvalues but
//! moves none (Paige, Journal of the Institute of Mathematics and its Applications 18, 1976), so none but two
//! are kept.

use crate::{plan::topology::Graph, seed};

/// How little the eigenvalue may have risen over the last third of the steps. What is still to come is then
/// less, as the error falls at least with the square of the steps (Kuczyński and Woźniakowski, SIAM J. Matrix
/// Anal. Appl. 13, 1992).
const TOLERANCE: f64 = 1e-7;

/// The gap is told in millionths: what is beyond is the noise of the iteration.
const PARTS: f64 = 1e6;

/// A rest this small is rounding: the steps so far span all that can be reached, and the eigenvalue is exact.
const NOTHING_LEFT: f64 = 1e-13;

/// The most additions for one graph, some ten seconds.
const MOST_WORK: u64 = 5_000_000_000;

/// The second smallest eigenvalue of the normalised Laplacian of a connected graph, if found to 10⁻⁶; none
/// for fewer than two peers.
pub(super) fn gap(graph: &Graph) -> Option<f64> {
    if graph.peers() < 2 {
        return None;
    }
    let walk = Walk::new(graph);
    let most_steps = MOST_WORK / (2 * graph.edges() + 10 * u64::from(graph.peers()));
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    let mut before = vec![0.0; graph.peers() as usize];
    let mut current = walk.start();
    let (mut found, mut next_look) = (f64::NEG_INFINITY, 16);
    for step in 1..=most_steps {
        let mut next = walk.step(&current);
        let along = dot(&next, &current);
        let back = beside.last().copied().unwrap_or(0.0);
        for ((next, current), before) in next.iter_mut().zip(&current).zip(&before) {
            *next -= along * current + back * before;
        }
        walk.take_out_stationary(&mut next);
        let rest = dot(&next, &next).sqrt();
        diagonal.push(along);
        let is_exact = rest < NOTHING_LEFT;
        if is_exact || step == next_look {
            let largest = largest_eigenvalue(&diagonal, &beside);
            if is_exact || largest - found < TOLERANCE {
                let gap = (1.0 - largest).max(0.0);
                return Some((gap * PARTS).round() / PARTS);
            }
            found = largest;
            next_look = step * 3 / 2;
        }
        beside.push(rest);
        next.iter_mut().for_each(|x| *x /= rest);
        before = std::mem::replace(&mut current, next);
    }
    None
}

/// The matrix N of a graph.
struct Walk<'a> {
    graph: &'a Graph,
    /// 1 / √degree.
    scale: Vec<f64>,
    /// √degree, of length 1.
    stationary: Vec<f64>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Self {
        let roots: Vec<f64> = (0..graph.peers()).map(|peer| f64::from(graph.degree(peer)).sqrt()).collect();
        let length = dot(&roots, &roots).sqrt();
        Self {
            graph,
            scale: roots.iter().map(|root| 1.0 / root).collect(),
            stationary: roots.iter().map(|root| root / length).collect(),
        }
    }

    /// A vector of length 1 that favours nothing but is the same in every run.
    fn start(&self) -> Vec<f64> {
        let mut start: Vec<f64> =
            (0..u64::from(self.graph.peers())).map(|at| seed::unit_from(seed::mix(0, at, 1)) - 0.5).collect();
        self.take_out_stationary(&mut start);
        let length = dot(&start, &start).sqrt();
        start.iter_mut().for_each(|x| *x /= length);
        start
    }

    fn take_out_stationary(&self, vector: &mut [f64]) {
        let share = dot(vector, &self.stationary);
        for (x, stationary) in vector.iter_mut().zip(&self.stationary) {
            *x -= share * stationary;
        }
    }

    /// N times a vector.
    fn step(&self, vector: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> = vector.iter().zip(&self.scale).map(|(x, scale)| x * scale).collect();
        let gathered = |peer| -> f64 {
            let neighbours = self.graph.neighbours(peer).iter();
            neighbours.map(|&neighbour| scaled[neighbour as usize]).sum()
        };
        (0..self.graph.peers()).map(gathered).zip(&self.scale).map(|(sum, scale)| sum * scale).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest eigenvalue, known to be between −1 and 1, of a symmetric tridiagonal matrix, by bisection on
/// the number of eigenvalues above a point (Givens; Golub and Van Loan, Matrix Computations, 4th edition,
/// section 8.4.1).
fn largest_eigenvalue(diagonal: &[f64], beside: &[f64]) -> f64 {
    let any_above = |point: f64| {
        let mut pivot = diagonal[0] - point;
        for (on, off) in diagonal[1..].iter().zip(beside) {
            if pivot > 0.0 {
                return true;
            }
            // A pivot of exactly 0 stands for one just below it.
            pivot = on - point - off * off / pivot.min(-f64::MIN_POSITIVE);
        }
        pivot > 0.0
    };
    let (mut low, mut high) = (-1.0 - TOLERANCE, 1.0 + TOLERANCE);
    while high - low > 1e-12 {
        let middle = f64::midpoint(low, high);
        if any_above(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

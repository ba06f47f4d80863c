//! Where the peers of a drawing stand. All layouts are functions of their input alone.

use std::f64::consts::{PI, TAU};

use super::frame::Rect;

/// The golden angle, 2π (1 − 1/φ).
const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;

/// Point `i` of `n` spread evenly over the unit disc in the order of sunflower seeds.
///
/// Source: H. Vogel, *A better way to construct the sunflower head*, Mathematical Biosciences 44 (1979).
pub(crate) fn sunflower(i: usize, n: usize) -> (f64, f64) {
    // A lone seed has the middle: by the formula it would lie near the rim.
    if n <= 1 {
        return (0.0, 0.0);
    }
    let radius = ((i as f64 + 0.5) / n as f64).sqrt();
    let (sin, cos) = (i as f64 * GOLDEN_ANGLE).sin_cos();
    (radius * cos, radius * sin)
}

/// Point `i` of `n` on the unit circle, clockwise from the top.
pub(crate) fn circle(i: usize, n: usize) -> (f64, f64) {
    let (sin, cos) = (TAU * i as f64 / n.max(1) as f64 - PI / 2.0).sin_cos();
    (cos, sin)
}

/// Stretches `points` to fill `room`.
pub(crate) fn fit(points: &[(f64, f64)], room: Rect) -> Vec<(f64, f64)> {
    let span = |pick: fn(&(f64, f64)) -> f64| {
        let low = points.iter().map(pick).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
        (low, high - low)
    };
    let ((x0, width), (y0, height)) = (span(|p| p.0), span(|p| p.1));
    let share = |value: f64, low: f64, span: f64| if span > 0.0 { (value - low) / span } else { 0.5 };
    points
        .iter()
        .map(|(x, y)| {
            (
                room.left + share(*x, x0, width) * room.width(),
                room.top + share(*y, y0, height) * room.height(),
            )
        })
        .collect()
}

/// Moves discs apart until none overlaps another or leaves `room`, as far as there is room for all.
pub(crate) fn spread(centres: &mut [(f64, f64)], radii: &[f64], room: Rect) {
    const ROUNDS: usize = 300;
    for _ in 0..ROUNDS {
        for i in 0..centres.len() {
            for j in 0..i {
                let (dx, dy) = (centres[i].0 - centres[j].0, centres[i].1 - centres[j].1);
                let (distance, least) = (dx.hypot(dy), radii[i] + radii[j]);
                if distance < least {
                    let (ux, uy) = if distance > 1e-6 {
                        (dx / distance, dy / distance)
                    } else {
                        circle(i, centres.len())
                    };
                    let push = (least - distance) / 2.0;
                    centres[i] = (centres[i].0 + ux * push, centres[i].1 + uy * push);
                    centres[j] = (centres[j].0 - ux * push, centres[j].1 - uy * push);
                }
            }
        }
        for (centre, radius) in centres.iter_mut().zip(radii) {
            centre.0 = centre.0.min(room.right - radius).max(room.left + radius);
            centre.1 = centre.1.min(room.bottom - radius).max(room.top + radius);
        }
    }
}

/// Moves discs together so that there is as much room on either side of them as on the other.
pub(crate) fn centre(centres: &mut [(f64, f64)], radii: &[f64], room: Rect) {
    let ends = |at: fn(&(f64, f64)) -> f64| {
        let discs = || centres.iter().map(at).zip(radii);
        let low = discs().map(|(at, radius)| at - radius).fold(f64::INFINITY, f64::min);
        let high = discs().map(|(at, radius)| at + radius).fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(low, high)
    };
    let (x, y) = (ends(|centre| centre.0), ends(|centre| centre.1));
    let (dx, dy) = (f64::midpoint(room.left, room.right) - x, f64::midpoint(room.top, room.bottom) - y);
    centres.iter_mut().for_each(|centre| *centre = (centre.0 + dx, centre.1 + dy));
}

/// A force-directed layout: edges pull, all pairs push. O(n²) a round, so meant for a thousand peers at most.
///
/// Source: T. Fruchterman and E. Reingold, *Graph Drawing by Force-Directed Placement*, Software: Practice and
/// Experience 21 (1991), with a weak pull to the middle that keeps components together. It starts from the circle.
pub(crate) fn force_directed(peers: usize, edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let rounds = if peers <= 300 { 300 } else { 120 };
    // The optimal distance k of section 2, for a unit square.
    let optimal = (1.0 / peers.max(1) as f64).sqrt();
    let mut at: Vec<_> = (0..peers)
        .map(|i| {
            let ((x, y), (dx, dy)) = (circle(i, peers), sunflower(i, peers));
            // Off the exact circle, where the forces of a symmetric graph would cancel.
            (0.5 * x + 0.05 * dx, 0.5 * y + 0.05 * dy)
        })
        .collect();
    let mut force = vec![(0.0, 0.0); peers];
    for round in 0..rounds {
        force.iter_mut().zip(&at).for_each(|(f, (x, y))| *f = (-x * optimal, -y * optimal));
        for i in 0..peers {
            for j in 0..i {
                let (dx, dy) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
                let square = (dx * dx + dy * dy).max(1e-9);
                // k²/d along the unit vector.
                let push = optimal * optimal / square;
                force[i] = (force[i].0 + dx * push, force[i].1 + dy * push);
                force[j] = (force[j].0 - dx * push, force[j].1 - dy * push);
            }
        }
        for (a, b) in edges {
            let (dx, dy) = (at[*a].0 - at[*b].0, at[*a].1 - at[*b].1);
            // d²/k along the unit vector.
            let pull = dx.hypot(dy) / optimal;
            force[*a] = (force[*a].0 - dx * pull, force[*a].1 - dy * pull);
            force[*b] = (force[*b].0 + dx * pull, force[*b].1 + dy * pull);
        }
        let temperature = 0.1 * (1.0 - f64::from(round) / f64::from(rounds));
        for (point, (fx, fy)) in at.iter_mut().zip(&force) {
            let length = fx.hypot(*fy);
            if length > 0.0 {
                let step = length.min(temperature) / length;
                *point = (point.0 + fx * step, point.1 + fy * step);
            }
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Rect = Rect { left: 0.0, top: 0.0, right: 400.0, bottom: 300.0 };

    #[test]
    fn discs_that_start_in_one_place_end_apart_and_inside() {
        let radii = [40.0, 30.0, 20.0, 20.0, 10.0];
        let mut centres = [(200.0, 150.0); 5];
        spread(&mut centres, &radii, ROOM);
        for i in 0..5 {
            assert!(centres[i].0 >= radii[i] - 0.01 && centres[i].0 <= 400.0 - radii[i] + 0.01);
            for j in 0..i {
                let distance = (centres[i].0 - centres[j].0).hypot(centres[i].1 - centres[j].1);
                assert!(distance >= radii[i] + radii[j] - 0.5, "{i} and {j} are {distance} apart");
            }
        }
    }

    #[test]
    fn neighbours_end_nearer_than_strangers() {
        let ring: Vec<_> = (0..24).map(|i| (i, (i + 1) % 24)).collect();
        let at = force_directed(24, &ring);
        let distance = |a: usize, b: usize| (at[a].0 - at[b].0).hypot(at[a].1 - at[b].1);
        let nearest_stranger = (2..23).map(|other| distance(0, other)).fold(f64::INFINITY, f64::min);
        assert!(distance(0, 1) < nearest_stranger);
        assert!(at.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
    }

    #[test]
    fn a_lone_peer_has_the_middle_of_its_disc() {
        assert_eq!(sunflower(0, 1), (0.0, 0.0));
    }

    #[test]
    fn one_point_is_fitted_to_the_middle() {
        assert_eq!(fit(&[(7.0, 7.0)], ROOM), [(200.0, 150.0)]);
    }
}

//! Where the words beside uprights stand, so that no line runs through them.

use super::frame::{Rect, SMALL_SIZE, Sheet};
use super::palette::INK;

type Point = (f64, f64);

/// From an upright to the words beside it, in pixels.
const GAP: f64 = 7.0;
/// From the lower end of a panel to the middle of its lowest row of words, in pixels.
const LOWEST: f64 = 14.0;
/// From a row of words to the next, in pixels.
const ROW: f64 = SMALL_SIZE + 8.0;
/// From a line of the same words to the next, in pixels: the height of a plate.
const LINE: f64 = 15.0;

/// The words of one panel, and the lines that they keep clear of.
pub(crate) struct Notes<'a, 's> {
    sheet: &'a Sheet<'s>,
    room: Rect,
    lines: Vec<[Point; 2]>,
    taken: Vec<Rect>,
}

impl<'a, 's> Notes<'a, 's> {
    /// For the part of a sheet in which data is drawn.
    pub(crate) fn new(sheet: &'a Sheet<'s>, room: Rect) -> Self {
        Self { sheet, room, lines: Vec::new(), taken: Vec::new() }
    }

    /// Keeps words clear of a line through these points of the sheet.
    pub(crate) fn avoid(&mut self, points: impl IntoIterator<Item = Point>) {
        let mut points = points.into_iter();
        let Some(mut last) = points.next() else { return };
        self.lines.push([last, last]);
        for point in points {
            self.lines.push([last, point]);
            last = point;
        }
    }

    /// Writes words beside the upright at `x` that reaches up to `top`: in the lowest row in which they are clear, to the right of
    /// it or else to the left; in two lines, parted at the first space, where there is room for no longer ones. Where there is no
    /// such place they cross lines, though no other words if that can be.
    pub(crate) fn beside(&mut self, text: &str, x: f64, top: f64) {
        let one = [text];
        let two = text.split_once(' ').map(|(first, second)| [first, second]);
        let forms = || std::iter::once(one.as_slice()).chain(two.as_ref().map(<[&str; 2]>::as_slice));
        let rows = || {
            let rows = (0..).map(|row| self.room.bottom - LOWEST - ROW * f64::from(row));
            // The lowest row is there however short the upright is.
            rows.enumerate().take_while(move |(row, y)| *row == 0 || *y >= top).map(|(_, y)| y)
        };
        let places = || forms().flat_map(|form| rows().flat_map(move |y| sides(form, x, y)));
        let place = places()
            .find(|place| self.is_free(place) && !self.is_crossed(place))
            .or_else(|| places().find(|place| self.is_free(place)))
            .unwrap_or_else(|| sides(&one, x, self.room.bottom - LOWEST)[0].clone());
        for Line { text, left, y, plate } in place {
            self.sheet.note(text, INK, left, y, self.room);
            self.taken.push(plate);
        }
    }

    /// Whether words lie within the room, and over no others.
    fn is_free(&self, place: &[Line<'_>]) -> bool {
        place.iter().all(|Line { plate, .. }| {
            plate.left >= self.room.left
                && plate.right <= self.room.right
                && plate.top >= self.room.top
                && plate.bottom <= self.room.bottom
                && !self.taken.iter().any(|other| overlap(*plate, *other))
        })
    }

    fn is_crossed(&self, place: &[Line<'_>]) -> bool {
        let crossed = |plate: Rect| self.lines.iter().any(|[a, b]| crosses(plate, *a, *b));
        place.iter().any(|line| crossed(line.plate))
    }
}

/// A line of words in a place.
#[derive(Clone)]
struct Line<'t> {
    text: &'t str,
    left: f64,
    y: f64,
    plate: Rect,
}

/// Lines of words to the right and to the left of an upright, the last of them at the height `y`.
fn sides<'t>(lines: &[&'t str], x: f64, y: f64) -> [Vec<Line<'t>>; 2] {
    let widest = lines.iter().map(|text| Sheet::note_width(text)).fold(0.0, f64::max);
    [x + GAP, x - GAP - widest].map(|left| {
        let line = |(below, text): (usize, &&'t str)| {
            let y = y - LINE * below as f64;
            Line { text, left, y, plate: Sheet::plate(left, y, Sheet::note_width(text)) }
        };
        lines.iter().rev().enumerate().map(line).collect()
    })
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/// Whether any of a segment lies in a rectangle: what is left of it between the rectangle's sides, after Y.-D. Liang and B. Barsky,
/// *A new concept and method for line clipping*, ACM Transactions on Graphics 3 (1984).
fn crosses(rect: Rect, from: Point, to: Point) -> bool {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let sides = [
        (-dx, from.0 - rect.left),
        (dx, rect.right - from.0),
        (-dy, from.1 - rect.top),
        (dy, rect.bottom - from.1),
    ];
    let (mut enters, mut leaves) = (0.0_f64, 1.0_f64);
    for (towards, distance) in sides {
        if towards == 0.0 {
            if distance < 0.0 {
                return false;
            }
        } else if towards < 0.0 {
            enters = enters.max(distance / towards);
        } else {
            leaves = leaves.min(distance / towards);
        }
    }
    enters <= leaves
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;

    const BOX: Rect = Rect { left: 10.0, top: 10.0, right: 20.0, bottom: 20.0 };

    #[test]
    fn words_keep_clear_of_lines_and_of_the_edge() {
        let frame = Frame { title: "t", subtitle: String::new(), legend: Vec::new(), height: 440.0 };
        frame.draw(|sheet, room| {
            let mut notes = Notes::new(sheet, room);
            let uprights = [(300.0, 200.0), (330.0, 120.0), (room.right - 20.0, room.top)];
            // A curve from the lower left to the upper right.
            notes.avoid([(room.left, room.bottom), (250.0, 400.0), (320.0, 100.0), (room.right, room.top)]);
            uprights.iter().for_each(|(x, top)| notes.avoid([(*x, room.bottom), (*x, *top)]));
            for (x, top) in uprights {
                notes.beside("T100 6.57 s", x, top);
            }
            for (number, plate) in notes.taken.iter().enumerate() {
                assert!(!notes.lines.iter().any(|[a, b]| crosses(*plate, *a, *b)), "{number}: {plate:?}");
                assert!(!notes.taken[..number].iter().any(|other| overlap(*plate, *other)), "{number}");
            }
            assert!(notes.taken[2].right < uprights[2].0, "to the left at the right edge");
        });
    }

    #[test]
    fn between_uprights_that_are_near_words_take_two_lines() {
        let frame = Frame { title: "t", subtitle: String::new(), legend: Vec::new(), height: 440.0 };
        let svg = frame.draw(|sheet, room| {
            let mut notes = Notes::new(sheet, room);
            let uprights = [room.right - 75.0, room.right - 12.0];
            uprights.iter().for_each(|x| notes.avoid([(*x, room.bottom), (*x, room.top)]));
            notes.beside("T95 38 s", uprights[0], room.top);
            notes.beside("T100 97.3 s", uprights[1], room.top);
            for plate in &notes.taken {
                assert!(!notes.lines.iter().any(|[a, b]| crosses(*plate, *a, *b)), "{plate:?}");
            }
        });
        assert!(svg.contains(">T95 38 s<") && svg.contains(">T100<") && svg.contains(">97.3 s<"), "{svg}");
    }

    #[test]
    fn where_nothing_is_clear_words_are_written_all_the_same() {
        let frame = Frame { title: "t", subtitle: String::new(), legend: Vec::new(), height: 440.0 };
        let svg = frame.draw(|sheet, room| {
            let mut notes = Notes::new(sheet, room);
            (0..800).for_each(|x| notes.avoid([(f64::from(x), room.top), (f64::from(x), room.bottom)]));
            notes.beside("T50 1 s", 300.0, room.top);
        });
        assert!(svg.contains("T50 1 s"));
    }

    #[test]
    fn a_segment_crosses_what_it_passes_through_touches_or_lies_in() {
        for (from, to) in [
            ((0.0, 15.0), (30.0, 15.0)),
            ((15.0, 0.0), (15.0, 30.0)),
            ((0.0, 0.0), (30.0, 30.0)),
            ((12.0, 12.0), (14.0, 13.0)),
            ((15.0, 15.0), (15.0, 15.0)),
            ((20.0, 0.0), (20.0, 30.0)),
        ] {
            assert!(crosses(BOX, from, to) && crosses(BOX, to, from), "{from:?} to {to:?}");
        }
        for (from, to) in [
            ((0.0, 9.0), (30.0, 9.0)),
            ((21.0, 0.0), (21.0, 30.0)),
            ((0.0, 22.0), (9.0, 15.0)),
            ((0.0, 15.0), (9.0, 15.0)),
            ((0.0, 12.0), (12.0, 0.0)),
            ((5.0, 5.0), (5.0, 5.0)),
        ] {
            assert!(!crosses(BOX, from, to) && !crosses(BOX, to, from), "{from:?} to {to:?}");
        }
    }
}

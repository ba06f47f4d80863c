//! Colours, dashes and markers that a colour-blind reader, or a grey printer, can tell apart.
//!
//! The colours are those of M. Okabe and K. Ito, *Color Universal Design* (2008), less yellow, which is too pale for a
//! line on white.

use plotters::style::{Color as _, RGBAColor, RGBColor, ShapeStyle};

use super::svg::px;

pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(crate) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(crate) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
pub(crate) const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub(crate) const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
/// Text and the first choice for marks over data.
pub(crate) const INK: RGBColor = RGBColor(0x1f, 0x24, 0x30);
/// Text of second rank.
pub(crate) const GREY: RGBColor = RGBColor(0x5b, 0x64, 0x72);
/// The lines of axes.
pub(crate) const AXIS: RGBColor = RGBColor(0x8a, 0x93, 0xa0);
/// The lines of the grid.
pub(crate) const GRID: RGBColor = RGBColor(0xde, 0xe2, 0xe7);
/// The finer lines of a logarithmic grid.
pub(crate) const FINE: RGBColor = RGBColor(0xec, 0xef, 0xf2);

/// What faults are shaded in.
pub(crate) const FAULT: RGBColor = ORANGE;

const SERIES: [RGBColor; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK];

/// Lengths of dash and gap in pixels.
pub(crate) type Dash = (f64, f64);

const DASHES: [Option<Dash>; 4] = [None, Some((7.0, 4.0)), Some((2.5, 3.5)), Some((12.0, 4.0))];

/// The shape of the marks set on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

const MARKERS: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];

/// How one series is told from the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) colour: RGBColor,
    pub(crate) dash: Option<Dash>,
    pub(crate) marker: Option<Marker>,
    /// Width of the line in pixels.
    pub(crate) width: f64,
}

/// Width of a line that is read point by point, in pixels.
pub(crate) const BROAD: f64 = 2.2;
/// Width of a line that jumps from point to point, in pixels.
pub(crate) const NARROW: f64 = 1.4;

/// A plain pen.
pub(crate) fn solid(colour: RGBColor) -> Pen {
    Pen { colour, dash: None, marker: None, width: BROAD }
}

/// The pen of series `index` of `count`. Colour, dash and marker repeat after 7, 4 and 4, so 28 differ.
pub(crate) fn pen(index: usize, count: usize) -> Pen {
    Pen {
        colour: SERIES[index % SERIES.len()],
        dash: DASHES[index % DASHES.len()],
        marker: (count > 1).then(|| MARKERS[index % MARKERS.len()]),
        width: BROAD,
    }
}

/// The pen of a series that jumps up and down among faults. Dashes would be lost in it, and the faults' colour is theirs.
pub(crate) fn pen_among_faults(index: usize, count: usize) -> Pen {
    const COLOURS: [RGBColor; 6] = [BLUE, VERMILION, GREEN, PURPLE, SKY, INK];
    Pen { colour: COLOURS[index % COLOURS.len()], dash: None, width: NARROW, ..pen(index, count) }
}

/// An opaque stroke of `width` pixels.
pub(crate) fn stroke(colour: RGBColor, width: f64) -> ShapeStyle {
    stroke_alpha(colour.to_rgba(), width)
}

/// A stroke of `width` pixels.
pub(crate) fn stroke_alpha(color: RGBAColor, width: f64) -> ShapeStyle {
    ShapeStyle { color, filled: false, stroke_width: px(width).unsigned_abs() }
}

/// A filling.
pub(crate) fn fill(color: RGBAColor) -> ShapeStyle {
    ShapeStyle { color, filled: true, stroke_width: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_28_pens_differ() {
        let pens: Vec<_> = (0..28).map(|i| (pen(i, 28).colour, pen(i, 28).dash)).collect();
        for (i, one) in pens.iter().enumerate() {
            assert!(pens[..i].iter().all(|other| other != one), "pen {i} repeats");
        }
    }
}

//! How far a message has spread, over the time since it was published.

use plotters::style::Color as _;

use super::axis::{Axis, End, Scale};
use super::frame::{Frame, HEIGHT, Sample};
use super::notes::Notes;
use super::palette::{BLUE, GREY, Marker, solid};
use super::{finite, finite_band, first_at};
use crate::quantity::Unit;

/// The share of all pairs, of a post and another member or of a release and a peer, that were reached by each age.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coverage {
    /// What the chart shows.
    pub title: String,
    /// Points (seconds since the post or the release, share of all pairs reached, 0 to 1), both rising.
    pub shares: Vec<(f64, f64)>,
    /// Points (seconds, 5th and 95th percentile of the share reached); may be empty.
    pub band: Vec<(f64, f64, f64)>,
    /// How the time axis is divided.
    pub scale: Scale,
    /// What spreads.
    pub of: Spreading,
}

/// What spreads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spreading {
    /// Posts, to the other members of their rooms.
    #[default]
    Posts,
    /// Releases, to those who are to install them.
    Releases,
}

impl Spreading {
    const fn subtitle(self) -> &'static str {
        match self {
            Self::Posts => "Share of all (post, other member) pairs in which the post was shown",
            Self::Releases => "Share of the peers that have installed a release",
        }
    }

    const fn curve(self) -> &'static str {
        match self {
            Self::Posts => "all posts together; T50, T95, T100: until that share of all pairs",
            Self::Releases => "all releases together; T50, T95, T100: until that share of all pairs",
        }
    }

    const fn time(self) -> &'static str {
        match self {
            Self::Posts => "Time since the post",
            Self::Releases => "Time since the release",
        }
    }

    const fn share(self) -> &'static str {
        match self {
            Self::Posts => "Members reached",
            Self::Releases => "Peers reached",
        }
    }
}

/// The shares whose times are marked.
const MARKED: [(f64, &str, Marker); 3] =
    [(0.5, "T50", Marker::Circle), (0.95, "T95", Marker::Square), (1.0, "T100", Marker::Diamond)];

impl Coverage {
    /// The chart as an SVG document. T50, T95 and T100 are where the curve reaches 50, 95 and 100 %; one that it
    /// does not reach is not marked.
    #[must_use]
    pub fn svg(&self) -> String {
        let mean = finite(&self.shares);
        let band = finite_band(&self.band);
        let line = solid(BLUE);
        let shade = BLUE.mix(0.18);
        let mut frame = Frame {
            title: &self.title,
            subtitle: self.of.subtitle().to_owned(),
            legend: Vec::new(),
            height: HEIGHT,
        };
        let Some((longest, _)) = mean.last().copied() else { return frame.draw_empty() };
        frame.legend.push((Sample::Line(line), self.of.curve().to_owned()));
        if !band.is_empty() {
            frame.legend.push((Sample::Area(shade), "5th to 95th percentile".to_owned()));
        }

        let time = self.of.time();
        let typical = first_at(&mean, 0.5).map_or(longest, |(x, _)| x);
        let first = mean.iter().map(|(x, _)| *x).find(|x| *x > 0.0);
        let x = match first.filter(|_| self.scale.is_log(typical, longest)) {
            Some(first) => Axis::log(time, &Unit::Seconds, first.max(typical / 1e3), longest, 7),
            None => Axis::linear(time, &Unit::Seconds, longest, End::Exact, 8),
        };
        let y = Axis::linear(self.of.share(), &Unit::Share, 1.0, End::Tick, 5);

        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            if !band.is_empty() {
                panel.band(&band, shade);
            }
            let marks: Vec<_> = MARKED
                .iter()
                .filter_map(|(share, name, marker)| Some((name, *marker, first_at(&mean, *share)?)))
                .collect();
            for (_, _, (at, share)) in &marks {
                panel.guide((*at, 0.0), (*at, *share), GREY);
            }
            panel.line(&mean, line, 0);
            let mut notes = Notes::new(sheet, panel.inner);
            notes.avoid(mean.iter().map(|(x, y)| (panel.x(*x), panel.y(*y))));
            for (_, marker, (at, share)) in &marks {
                let (x, top) = (panel.x(*at), panel.y(*share));
                notes.avoid([(x, panel.inner.bottom), (x, top)]);
                sheet.mark(*marker, BLUE, x, top);
            }
            for (name, _, (at, share)) in &marks {
                let text = format!("{name} {}", Unit::Seconds.show(*at));
                notes.beside(&text, panel.x(*at), panel.y(*share));
            }
        })
    }
}

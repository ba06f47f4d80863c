//! What all charts share: a sheet with title and legend, and panels with axes, grid and series on it.

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{
    Circle, DashedPathElement, Drawable, PathElement, PointCollection, Polygon, Rectangle,
};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color as _, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle, WHITE};

use super::axis::Axis;
use super::font;
use super::palette::{AXIS, FINE, GREY, GRID, INK, Marker, NARROW, Pen, fill, solid, stroke, stroke_alpha};
use super::svg::{Svg, px};

/// Width of every chart in pixels.
pub(crate) const WIDTH: f64 = 760.0;
/// Height of most charts in pixels.
pub(crate) const HEIGHT: f64 = 440.0;

pub(crate) const MARGIN: f64 = 18.0;
const TITLE_SIZE: f64 = 16.0;
const TEXT_SIZE: f64 = 12.0;
pub(crate) const SMALL_SIZE: f64 = 11.0;
const LEGEND_ROW: f64 = 20.0;
/// From one entry of the legend to the next, in pixels.
const KEY_GAP: f64 = 22.0;
/// A sheet grows by the rows of its legend beyond these, so that there is always room for the data.
const USUAL_ROWS: usize = 2;
/// Height of tick labels and title below a panel, in pixels.
pub(crate) const BELOW: f64 = 42.0;
/// From a sample in the legend to its name, in pixels.
const SAMPLE_GAP: f64 = 8.0;

/// Drawing into memory with registered fonts does not fail; this is why the charts return no `Result`.
const INFALLIBLE: &str = "drawing into memory cannot fail, and every font is bundled";

/// The sample that a legend shows beside a name.
pub(crate) enum Sample {
    Line(Pen),
    Area(RGBAColor),
    Dot(RGBColor),
    Ring(RGBColor),
    Mark(Marker, RGBColor),
}

impl Sample {
    /// Its width in pixels.
    fn width(&self) -> f64 {
        match self {
            Self::Line(_) => 30.0,
            Self::Area(_) => 24.0,
            Self::Dot(_) | Self::Ring(_) | Self::Mark(..) => 10.0,
        }
    }
}

/// What stands around a chart.
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    /// What is shown, in a line under the title.
    pub(crate) subtitle: String,
    pub(crate) legend: Vec<(Sample, String)>,
    pub(crate) height: f64,
}

impl Frame<'_> {
    /// Draws the frame, and `body` in the room that it leaves.
    pub(crate) fn draw(&self, body: impl FnOnce(&Sheet<'_>, Rect)) -> String {
        let legend = self.placed_legend();
        let rows = legend.last().map_or(0, |key| key.row + 1);
        let height = self.height + LEGEND_ROW * rows.saturating_sub(USUAL_ROWS) as f64;
        let mut out = String::new();
        let size = (WIDTH as u32, height as u32);
        let label = if self.subtitle.is_empty() {
            self.title.to_owned()
        } else {
            format!("{}: {}", self.title, self.subtitle)
        };
        {
            let sheet = Sheet { area: Svg::new(&mut out, size, &label).into_drawing_area() };
            sheet
                .rectangle(Rect { left: 0.0, top: 0.0, right: WIDTH, bottom: height }, fill(WHITE.to_rgba()));
            let top = self.heading(&sheet, &legend);
            body(&sheet, Rect { left: MARGIN, top, right: WIDTH - MARGIN, bottom: height - 12.0 });
            sheet.area.present().expect(INFALLIBLE);
        }
        out
    }

    /// Draws the frame around the words "No data".
    pub(crate) fn draw_empty(&self) -> String {
        self.draw(|sheet, room| {
            sheet.rectangle(room, stroke(GRID, 1.0));
            let style = font::text(15.0, GREY, HPos::Center, VPos::Center);
            sheet.area.draw_text("No data", &style, room.centre()).expect(INFALLIBLE);
        })
    }

    /// Title, subtitle and legend; returns where the rest may begin.
    fn heading(&self, sheet: &Sheet<'_>, legend: &[Key<'_>]) -> f64 {
        let room = WIDTH - 2.0 * MARGIN;
        let title = font::bold(TITLE_SIZE, INK, HPos::Left, VPos::Top);
        let mut y = 14.0;
        sheet.write(&shortened(self.title, room, &title), &title, MARGIN, y);
        y += 22.0;
        if !self.subtitle.is_empty() {
            let style = font::text(TEXT_SIZE, GREY, HPos::Left, VPos::Top);
            sheet.write(&shortened(&self.subtitle, room, &style), &style, MARGIN, y);
            y += 18.0;
        }
        let Some(last) = legend.last() else { return y + 8.0 };
        y += 14.0;
        let style = font::text(TEXT_SIZE, INK, HPos::Left, VPos::Center);
        for key in legend {
            let y = y + LEGEND_ROW * key.row as f64;
            sheet.sample(key.sample, key.x, y);
            sheet.write(&key.label, &style, key.x + key.sample.width() + SAMPLE_GAP, y);
        }
        y + LEGEND_ROW * last.row as f64 + 16.0
    }

    /// The legend in rows as wide as the sheet.
    fn placed_legend(&self) -> Vec<Key<'_>> {
        let style = font::text(TEXT_SIZE, INK, HPos::Left, VPos::Center);
        let entry = |(sample, label): &'_ (Sample, String)| {
            let before = sample.width() + SAMPLE_GAP;
            let label = shortened(label, WIDTH - 2.0 * MARGIN - before, &style);
            let width = before + font::width(&label, &style);
            (label, width)
        };
        let entries: Vec<_> = self.legend.iter().map(entry).collect();
        // Marks that follow one another belong together, and share a row where they fit into one.
        let is_mark = |index: usize| matches!(self.legend[index].0, Sample::Mark(..));
        let needed = |first: usize| {
            let follow = (first + 1..entries.len()).take_while(|index| is_mark(first) && is_mark(*index));
            entries[first].1 + follow.map(|index| KEY_GAP + entries[index].1).sum::<f64>()
        };
        let (mut x, mut row) = (MARGIN, 0);
        let mut keys = Vec::new();
        for (index, (label, width)) in entries.iter().enumerate() {
            let follows = index > 0 && is_mark(index) && is_mark(index - 1);
            let room = WIDTH - MARGIN - x;
            if x > MARGIN
                && (*width > room
                    || (!follows && needed(index) > room && needed(index) <= WIDTH - 2.0 * MARGIN))
            {
                (x, row) = (MARGIN, row + 1);
            }
            keys.push(Key { sample: &self.legend[index].0, label: label.clone(), x, row });
            x += width + KEY_GAP;
        }
        keys
    }
}

/// An entry of the legend in its place.
struct Key<'a> {
    sample: &'a Sample,
    label: String,
    x: f64,
    row: usize,
}

/// `text`, cut and ended with an ellipsis where it is wider than `room` pixels.
pub(crate) fn shortened(text: &str, room: f64, style: &TextStyle<'_>) -> String {
    if font::width(text, style) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if font::width(&short, style) + TEXT_SIZE > room {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// A rectangle of the sheet, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Rect {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    fn centre(&self) -> (i32, i32) {
        (px(f64::midpoint(self.left, self.right)), px(f64::midpoint(self.top, self.bottom)))
    }
}

/// The sheet that a chart is drawn on; all its lengths are pixels from the upper left corner.
pub(crate) struct Sheet<'a> {
    area: DrawingArea<Svg<'a>, Shift>,
}

impl<'s> Sheet<'s> {
    fn put<E>(&self, element: &E)
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<Svg<'s>>,
    {
        self.area.draw(element).expect(INFALLIBLE);
    }

    pub(crate) fn write(&self, text: &str, style: &TextStyle<'_>, x: f64, y: f64) {
        self.area.draw_text(text, style, (px(x), px(y))).expect(INFALLIBLE);
    }

    pub(crate) fn rectangle(&self, rect: Rect, style: ShapeStyle) {
        self.put(&Rectangle::new([(px(rect.left), px(rect.top)), (px(rect.right), px(rect.bottom))], style));
    }

    pub(crate) fn disc(&self, x: f64, y: f64, radius: f64, style: ShapeStyle) {
        self.put(&Circle::new((px(x), px(y)), px(radius), style));
    }

    /// A disc of white with a rim.
    pub(crate) fn ring(&self, x: f64, y: f64, radius: f64, colour: RGBColor) {
        self.disc(x, y, radius, fill(WHITE.to_rgba()));
        self.disc(x, y, radius, stroke(colour, (radius * 0.4).min(1.0)));
    }

    pub(crate) fn polygon(&self, points: &[(f64, f64)], style: ShapeStyle) {
        self.put(&Polygon::new(points.iter().map(|(x, y)| (px(*x), px(*y))).collect::<Vec<_>>(), style));
    }

    pub(crate) fn path(&self, points: &[(f64, f64)], pen: Pen) {
        let points: Vec<_> = points.iter().map(|(x, y)| (px(*x), px(*y))).collect();
        let style = stroke(pen.colour, pen.width);
        match pen.dash {
            None => self.put(&PathElement::new(points, style)),
            Some((dash, gap)) => {
                let dashed = DashedPathElement::new(points, px(dash), px(gap), style);
                self.area.draw(&dashed).expect(INFALLIBLE);
            }
        }
    }

    pub(crate) fn segment(&self, from: (f64, f64), to: (f64, f64), style: ShapeStyle) {
        self.put(&PathElement::new([(px(from.0), px(from.1)), (px(to.0), px(to.1))], style));
    }

    /// A mark with a white rim, so that it stands out from the line it sits on.
    pub(crate) fn mark(&self, marker: Marker, colour: RGBColor, x: f64, y: f64) {
        for (size, colour) in [(5.6, WHITE), (4.2, colour)] {
            let filling = fill(colour.to_rgba());
            match marker {
                Marker::Circle => self.disc(x, y, size, filling),
                Marker::Square => {
                    let half = size * 0.88;
                    let rect = Rect { left: x - half, top: y - half, right: x + half, bottom: y + half };
                    self.rectangle(rect, filling);
                }
                Marker::Triangle => {
                    let (up, half) = (size * 1.2, size * 1.1);
                    self.polygon(
                        &[(x, y - up), (x + half, y + up * 0.65), (x - half, y + up * 0.65)],
                        filling,
                    );
                }
                Marker::Diamond => {
                    let reach = size * 1.25;
                    self.polygon(&[(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)], filling);
                }
            }
        }
    }

    /// Text on a plate of white that keeps grid and lines out of it, kept within `room`; `x`, `y` is its middle left.
    pub(crate) fn note(&self, text: &str, colour: RGBColor, x: f64, y: f64, room: Rect) {
        let style = font::text(SMALL_SIZE, colour, HPos::Left, VPos::Center);
        let width = font::width(text, &style);
        let x = x.min(room.right - width - 2.0).max(room.left + 2.0);
        self.rectangle(Self::plate(x, y, width), fill(WHITE.mix(0.85)));
        self.write(text, &style, x, y);
    }

    /// Width of the text of a note.
    pub(crate) fn note_width(text: &str) -> f64 {
        font::width(text, &font::text(SMALL_SIZE, INK, HPos::Left, VPos::Center))
    }

    /// The plate of a note whose text is so wide and has its middle left at `x`, `y`.
    pub(crate) fn plate(x: f64, y: f64, width: f64) -> Rect {
        Rect { left: x - 2.0, top: y - 7.5, right: x + width + 2.0, bottom: y + 7.5 }
    }

    fn sample(&self, sample: &Sample, x: f64, y: f64) {
        let width = sample.width();
        match sample {
            Sample::Line(pen) => {
                self.path(&[(x, y), (x + width, y)], *pen);
                if let Some(marker) = pen.marker {
                    self.mark(marker, pen.colour, x + width / 2.0, y);
                }
            }
            Sample::Area(colour) => {
                self.rectangle(
                    Rect { left: x, top: y - 6.0, right: x + width, bottom: y + 6.0 },
                    fill(*colour),
                );
            }
            Sample::Dot(colour) => self.disc(x + width / 2.0, y, 4.0, fill(colour.to_rgba())),
            Sample::Ring(colour) => self.ring(x + width / 2.0, y, 4.0, *colour),
            Sample::Mark(marker, colour) => self.mark(*marker, *colour, x + width / 2.0, y),
        }
    }

    /// Width of what stands to the left of a panel: title, tick labels, ticks and the gaps between.
    pub(crate) fn label_width(y: &Axis) -> f64 {
        let style = font::text(SMALL_SIZE, INK, HPos::Left, VPos::Top);
        22.0 + y.labels().map(|text| font::width(text, &style)).fold(0.0, f64::max) + 10.0
    }

    /// Axes, grid and labels in `room`.
    pub(crate) fn panel<'p>(&'p self, room: Rect, x: Axis, y: Axis) -> Panel<'p, 's> {
        self.panel_beside(room, Self::label_width(&y), x, y, true)
    }

    /// Where data is drawn when a panel takes `room` with `left` pixels for the labels of y.
    pub(crate) fn inside(room: Rect, left: f64, x: &Axis, labels_below: bool) -> Rect {
        let style = font::text(SMALL_SIZE, INK, HPos::Left, VPos::Top);
        // The last label below may stand out to the right of the axis, into the margin and no further.
        let last = x.labels().last().map_or(0.0, |text| font::width(text, &style) / 2.0);
        Rect {
            left: room.left + left,
            top: room.top + 4.0,
            right: room.right - (last - 10.0).max(2.0),
            bottom: room.bottom - if labels_below { BELOW } else { 2.0 },
        }
    }

    /// Axes and grid in `room`, with `left` pixels for the labels of y, and those of x only if `labels_below`.
    pub(crate) fn panel_beside<'p>(
        &'p self,
        room: Rect,
        left: f64,
        x: Axis,
        y: Axis,
        labels_below: bool,
    ) -> Panel<'p, 's> {
        let label = font::text(SMALL_SIZE, INK, HPos::Left, VPos::Top);
        let inner = Self::inside(room, left, &x, labels_below);
        let (x_title, y_title) = (x.title().to_owned(), y.title().to_owned());
        let mut chart = ChartBuilder::on(&self.sub(Rect { top: inner.top, right: inner.right, ..room }))
            .set_label_area_size(LabelAreaPosition::Left, px(left))
            .set_label_area_size(LabelAreaPosition::Bottom, px(room.bottom - inner.bottom))
            .build_cartesian_2d(x, y)
            .expect(INFALLIBLE);
        let mut mesh = chart.configure_mesh();
        mesh.axis_style(stroke(AXIS, 1.0))
            .bold_line_style(stroke(GRID, 1.0))
            .light_line_style(stroke(FINE, 1.0))
            .label_style(label)
            .set_all_tick_mark_size(px(4.0));
        if !labels_below {
            mesh.x_label_formatter(&|_| String::new());
        }
        mesh.draw().expect(INFALLIBLE);
        if labels_below {
            let style = font::text(TEXT_SIZE, INK, HPos::Center, VPos::Bottom);
            self.write(&x_title, &style, f64::midpoint(inner.left, inner.right), room.bottom);
        }
        let style = font::text(TEXT_SIZE, INK, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        self.write(&y_title, &style, room.left, f64::midpoint(inner.top, inner.bottom));
        Panel { sheet: self, chart, inner }
    }

    fn sub(&self, rect: Rect) -> DrawingArea<Svg<'s>, Shift> {
        self.area.clone().shrink((px(rect.left), px(rect.top)), (px(rect.width()), px(rect.height())))
    }
}

/// One pair of axes, and the data drawn against them.
pub(crate) struct Panel<'p, 's> {
    sheet: &'p Sheet<'s>,
    chart: ChartContext<'p, Svg<'s>, Cartesian2d<Axis, Axis>>,
    /// Where data is drawn.
    pub(crate) inner: Rect,
}

/// More points than this are thinned to the extremes of each column of pixels.
const THIN_ABOVE: usize = 1_500;

/// How many markers a line carries.
const MARKERS: usize = 6;

impl<'s> Panel<'_, 's> {
    pub(crate) fn x(&self, value: f64) -> f64 {
        self.inner.left
            + self.chart.plotting_area().as_coord_spec().x_spec().fraction(value) * self.inner.width()
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.inner.bottom
            - self.chart.plotting_area().as_coord_spec().y_spec().fraction(value) * self.inner.height()
    }

    /// Draws `points`, which rise in x, as a line; `index` of the series sets its markers apart from the others'.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], pen: Pen, index: usize) {
        let thinned = thinned(points, |x| self.x(x));
        let style = stroke(pen.colour, pen.width);
        let drawn: Result<_, DrawingAreaErrorKind<_>> = match pen.dash {
            None => self.chart.draw_series([PathElement::new(thinned, style)]).map(|_| ()),
            Some((dash, gap)) => {
                let dashed = DashedPathElement::new(thinned, px(dash), px(gap), style);
                self.chart.plotting_area().draw(&dashed)
            }
        };
        drawn.expect(INFALLIBLE);
        let Some(marker) = pen.marker else { return };
        for i in 0..MARKERS {
            let share = (i as f64 + 0.35 + 0.17 * (index % 4) as f64) / MARKERS as f64;
            let wanted = self.inner.left + share * self.inner.width();
            let at = points.partition_point(|(x, _)| self.x(*x) < wanted);
            if let (Some(before), Some(after)) =
                (at.checked_sub(1).and_then(|i| points.get(i)), points.get(at))
            {
                let ((x0, y0), (x1, y1)) =
                    ((self.x(before.0), self.y(before.1)), (self.x(after.0), self.y(after.1)));
                let part = if x1 > x0 { (wanted - x0) / (x1 - x0) } else { 0.0 };
                self.sheet.mark(marker, pen.colour, wanted, y0 + part * (y1 - y0));
            }
        }
    }

    /// Fills between the lower and the upper edge of `band`, given as (x, low, high).
    pub(crate) fn band(&mut self, band: &[(f64, f64, f64)], colour: RGBAColor) {
        let lower: Vec<_> = band.iter().map(|(x, low, _)| (*x, *low)).collect();
        let upper: Vec<_> = band.iter().map(|(x, _, high)| (*x, *high)).collect();
        let mut outline = thinned(&lower, |x| self.x(x));
        outline.extend(thinned(&upper, |x| self.x(x)).into_iter().rev());
        self.chart.draw_series([Polygon::new(outline, fill(colour))]).expect(INFALLIBLE);
    }

    /// Fills a bar from the x axis up.
    pub(crate) fn bar(&mut self, from: f64, until: f64, height: f64, style: ShapeStyle) {
        self.chart.draw_series([Rectangle::new([(from, 0.0), (until, height)], style)]).expect(INFALLIBLE);
    }

    /// A dashed upright through the whole panel.
    pub(crate) fn upright(&self, x: f64, colour: RGBColor) {
        let x = self.x(x);
        let pen = Pen { dash: Some((5.0, 4.0)), width: NARROW, ..solid(colour) };
        self.sheet.path(&[(x, self.inner.bottom), (x, self.inner.top)], pen);
    }

    /// A thin line from one point of the panel to another, in its values.
    pub(crate) fn guide(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        let style = stroke_alpha(colour.mix(0.7), 1.0);
        self.sheet.segment((self.x(from.0), self.y(from.1)), (self.x(to.0), self.y(to.1)), style);
    }
}

/// Points as they are, or the first, lowest, highest and last of every half pixel's column when they are many: what is
/// drawn is the same.
fn thinned(points: &[(f64, f64)], x: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    if points.len() <= THIN_ABOVE {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| (x(a.0) * 2.0).floor() == (x(b.0) * 2.0).floor()) {
        let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let lowest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut of_column = [0, lowest.min(highest), lowest.max(highest), column.len() - 1].to_vec();
        of_column.dedup();
        kept.extend(of_column.into_iter().map(|i| column[i]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let mut points: Vec<_> = (0..100_000).map(|i| (f64::from(i), 0.0)).collect();
        points[50_000].1 = 9.0;
        let thin = thinned(&points, |x| x / 1_000.0);
        assert!(thin.len() < 1_000);
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
        assert!(thin.contains(&(50_000.0, 9.0)));
    }

    #[test]
    fn long_text_is_cut_to_its_room() {
        let style = font::text(12.0, INK, HPos::Left, VPos::Top);
        let cut = shortened(&"wide ".repeat(100), 100.0, &style);
        assert!(cut.ends_with('…') && font::width(&cut, &style) <= 100.0, "{cut}");
        assert_eq!(shortened("short", 100.0, &style), "short");
    }
}

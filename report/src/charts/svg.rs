//! A drawing backend of `plotters` that writes SVG.
//!
//! Why not `plotters_svg`: its coordinates are whole pixels, which turns a smooth curve into steps, and it leaves the
//! height of a baseline to each viewer's idea of `ex`. Here a backend unit is a tenth of a pixel, baselines are computed
//! from the font's metrics, and neighbours of the same style share one group, which makes a drawing of 4,000 edges a
//! third of the size. No element carries an id, so drawings can stand side by side in one page.

use std::convert::Infallible;
use std::fmt::Write as _;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    FontTransform,
};

use super::font;

/// Backend units to a pixel.
pub(crate) const UNITS: i32 = 10;

/// `pixels` in backend units.
pub(crate) fn px(pixels: f64) -> i32 {
    // `as` saturates, so no coordinate can overflow.
    (pixels * f64::from(UNITS)).round() as i32
}

/// Writes what `plotters` draws as one SVG document.
pub(crate) struct Svg<'a> {
    out: &'a mut String,
    size: (u32, u32),
    /// Attributes of the group that is open, empty when none is.
    group: String,
    finished: bool,
}

impl<'a> Svg<'a> {
    /// Starts a document of `size` pixels; `label` is what a screen reader says in its place.
    pub(crate) fn new(out: &'a mut String, size: (u32, u32), label: &str) -> Self {
        let (width, height) = size;
        let label = escape(label);
        let family = font::WEB_STACK;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}" font-family="{family}" stroke-linecap="round" stroke-linejoin="round">"#,
        );
        let size = (width * UNITS as u32, height * UNITS as u32);
        Self { out, size, group: String::new(), finished: false }
    }

    /// Makes `attributes` those of the open group.
    fn group(&mut self, attributes: String) {
        if self.group != attributes {
            self.close();
            let _ = writeln!(self.out, "<g {attributes}>");
            self.group = attributes;
        }
    }

    fn close(&mut self) {
        if !self.group.is_empty() {
            self.out.push_str("</g>\n");
            self.group.clear();
        }
    }

    fn stroked<S: BackendStyle>(&mut self, style: &S) {
        let (colour, opacity) = paint(style.color(), "stroke-opacity");
        let width = Px(i32::try_from(style.stroke_width()).unwrap_or(i32::MAX));
        self.group(format!(r#"fill="none" stroke="{colour}"{opacity} stroke-width="{width}""#));
    }

    fn filled(&mut self, colour: BackendColor) {
        let (colour, opacity) = paint(colour, "fill-opacity");
        self.group(format!(r#"fill="{colour}"{opacity}"#));
    }

    /// Opens the group of a closed shape; whether there is anything to see of it.
    fn shape<S: BackendStyle>(&mut self, style: &S, fill: bool) -> bool {
        let visible = style.color().alpha > 0.0;
        match (visible, fill) {
            (false, _) => {}
            (true, true) => self.filled(style.color()),
            (true, false) => self.stroked(style),
        }
        visible
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>, end: &str) {
        self.out.push_str(r#"<path d=""#);
        let mut command = 'M';
        let mut last = None;
        for point in points {
            if last == Some(point) {
                continue;
            }
            let _ = write!(self.out, "{command}{} {}", Px(point.0), Px(point.1));
            command = 'L';
            last = Some(point);
        }
        let _ = writeln!(self.out, "{end}\"/>");
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        if !self.finished {
            self.close();
            self.out.push_str("</svg>\n");
            self.finished = true;
        }
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Drawn {
        self.draw_rect(at, (at.0 + 1, at.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if self.shape(style, fill) {
            let (x, y) = (from.0.min(to.0), from.1.min(to.1));
            let (width, height) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
            let _ = writeln!(
                self.out,
                r#"<rect x="{}" y="{}" width="{}" height="{}"/>"#,
                Px(x),
                Px(y),
                Px(width),
                Px(height)
            );
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if self.shape(style, false) {
            self.path(path, "");
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if self.shape(style, true) {
            self.path(path, "Z");
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        at: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if self.shape(style, fill) {
            let radius = Px(i32::try_from(radius).unwrap_or(i32::MAX));
            let _ = writeln!(self.out, r#"<circle cx="{}" cy="{}" r="{radius}"/>"#, Px(at.0), Px(at.1));
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        if style.color().alpha == 0.0 || text.is_empty() {
            return Ok(());
        }
        let em = font::em(style.size());
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let rise = match style.anchor().v_pos {
            VPos::Top => font::ASCENT,
            VPos::Center => font::CAP_HEIGHT / 2.0,
            VPos::Bottom => -font::DESCENT,
        };
        let (x, y) = (Px(at.0), Px(at.1));
        let baseline = Px(at.1.saturating_add((em * rise).round() as i32));
        let turn = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => format!(r#" transform="rotate(90 {x} {y})""#),
            FontTransform::Rotate180 => format!(r#" transform="rotate(180 {x} {y})""#),
            FontTransform::Rotate270 => format!(r#" transform="rotate(-90 {x} {y})""#),
        };
        let weight = if matches!(style.style(), FontStyle::Bold) { r#" font-weight="bold""# } else { "" };
        let (colour, opacity) = paint(style.color(), "fill-opacity");
        let size = Px(em.round() as i32);
        self.group(format!(r#"fill="{colour}"{opacity} font-size="{size}"{weight} text-anchor="{anchor}""#));
        let _ = writeln!(self.out, r#"<text x="{x}" y="{baseline}"{turn}>{}</text>"#, escape(text));
        Ok(())
    }
}

/// A length in backend units, written in pixels.
struct Px(i32);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, tenth) = (self.0 / UNITS, (self.0 % UNITS).abs());
        let sign = if self.0 < 0 && whole == 0 { "-" } else { "" };
        if tenth == 0 { write!(f, "{whole}") } else { write!(f, "{sign}{whole}.{tenth}") }
    }
}

/// A colour, and an attribute for its opacity that is empty when it is opaque.
fn paint(colour: BackendColor, opacity: &str) -> (String, String) {
    let (r, g, b) = colour.rgb;
    let opacity =
        if colour.alpha < 1.0 { format!(r#" {opacity}="{:.2}""#, colour.alpha) } else { String::new() };
    (format!("#{r:02x}{g:02x}{b:02x}"), opacity)
}

/// Escapes for text and for attributes, and drops the control characters that XML 1.0 (section 2.2) forbids.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::{BLACK, Color as _, ShapeStyle};

    fn drawn(draw: impl FnOnce(&mut Svg<'_>)) -> String {
        let mut out = String::new();
        let mut svg = Svg::new(&mut out, (10, 10), "a <chart> & \"more\"");
        draw(&mut svg);
        svg.present().expect("writing to memory");
        out
    }

    #[test]
    fn lengths_are_pixels_with_one_decimal() {
        for (units, text) in [(0, "0"), (10, "1"), (15, "1.5"), (-5, "-0.5"), (-15, "-1.5"), (-20, "-2")] {
            assert_eq!(Px(units).to_string(), text);
        }
    }

    #[test]
    fn neighbours_of_one_style_share_a_group() {
        let style = ShapeStyle { color: BLACK.mix(0.2), filled: false, stroke_width: 10 };
        let svg = drawn(|svg| {
            svg.draw_line((0, 0), (10, 10), &style).expect("drawn");
            svg.draw_line((5, 5), (20, 10), &style).expect("drawn");
        });
        assert_eq!(svg.matches("<g ").count(), 1);
        assert_eq!(svg.matches("<path ").count(), 2);
        assert!(svg.ends_with("</g>\n</svg>\n"));
    }

    #[test]
    fn a_label_cannot_leave_its_attribute() {
        assert!(drawn(|_| {}).contains(r#"aria-label="a &lt;chart&gt; &amp; &quot;more&quot;""#));
        assert_eq!(escape("a\u{0}b\u{1b}"), "a b ");
    }
}

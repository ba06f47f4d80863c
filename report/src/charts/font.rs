//! The one typeface of all charts.
//!
//! Peerlab Sans is a renamed subset of Liberation Sans, whose advance widths are those of Arial and Helvetica. So a
//! layout computed with it holds in a browser that has any of them, and the PNG, drawn with it, looks the same.

use std::sync::LazyLock;

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle, register_font,
};

use super::svg::UNITS;

/// The regular weight, as a TrueType file.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../assets/PeerlabSans-Regular.ttf");
/// The bold weight, as a TrueType file.
pub(crate) const BOLD: &[u8] = include_bytes!("../../assets/PeerlabSans-Bold.ttf");

/// The families that an SVG asks for: all have the same metrics.
pub(crate) const WEB_STACK: &str = "Liberation Sans, Arimo, Arial, Helvetica, sans-serif";

// From the tables `hhea` and `OS/2` of the files, as shares of the em.
/// Height of the line above the baseline.
pub(crate) const ASCENT: f64 = 1854.0 / 2048.0;
/// Depth of the line below the baseline.
pub(crate) const DESCENT: f64 = 434.0 / 2048.0;
/// Height of a capital.
pub(crate) const CAP_HEIGHT: f64 = 1409.0 / 2048.0;

/// The em of a font whose size `plotters` gives as the height of its line.
pub(crate) fn em(line_height: f64) -> f64 {
    line_height / (ASCENT + DESCENT)
}

static REGISTERED: LazyLock<()> = LazyLock::new(|| {
    for (style, file) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
        assert!(
            register_font("sans-serif", style, file).is_ok(),
            "the bundled {} font is a TrueType file",
            style.as_str()
        );
    }
});

/// Text of `size` pixels to the em.
pub(crate) fn text(size: f64, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    styled(size, FontStyle::Normal, colour).pos(Pos::new(h, v))
}

/// Bold text of `size` pixels to the em.
pub(crate) fn bold(size: f64, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    styled(size, FontStyle::Bold, colour).pos(Pos::new(h, v))
}

fn styled(size: f64, style: FontStyle, colour: RGBColor) -> TextStyle<'static> {
    LazyLock::force(&REGISTERED);
    let line_height = size * (ASCENT + DESCENT) * f64::from(UNITS);
    let font = FontDesc::new(FontFamily::SansSerif, line_height, style).transform(FontTransform::None);
    TextStyle { color: colour.to_backend_color(), ..TextStyle::from(font) }
}

/// Width of `text` in pixels when set in `style`.
pub(crate) fn width(text: &str, style: &TextStyle<'_>) -> f64 {
    let (units, _) = style.font.box_size(text).expect("the family is registered");
    f64::from(units) / f64::from(UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::BLACK;

    #[test]
    fn widths_are_those_of_arial() {
        // Arial's advances, in 2048ths of an em: H 1479, e 1139, l 455, o 1139.
        let style = text(20.0, BLACK, HPos::Left, VPos::Top);
        let expected = f64::from(1479 + 1139 + 2 * 455 + 1139) / 2048.0 * 20.0;
        assert!((width("Hello", &style) - expected).abs() < 0.2, "{}", width("Hello", &style));
    }
}

//! From SVG to PNG, with the font of the charts and none of the machine's.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use thiserror::Error;

use super::font;

/// Why a drawing could not be turned into a picture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The text is not an SVG document.
    #[error("not a drawing: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The picture would have no pixels or too many to hold.
    #[error("a picture of {width} × {height} pixels cannot be made")]
    Size {
        /// Width asked for, in pixels.
        width: f32,
        /// Height asked for, in pixels.
        height: f32,
    },
    /// The picture could not be encoded.
    #[error("PNG encoding: {0}")]
    Png(String),
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(font::REGULAR.to_vec());
    fonts.load_font_data(font::BOLD.to_vec());
    fonts.set_sans_serif_family("Peerlab Sans");
    Arc::new(fonts)
});

/// The fonts that a picture is drawn with.
pub(crate) fn fonts() -> Arc<fontdb::Database> {
    Arc::clone(&FONTS)
}

/// The longest side that a picture may have, in pixels.
const LONGEST: f32 = 20_000.0;

/// `svg` as a PNG file, each of its pixels `zoom` pixels wide and high.
///
/// # Errors
/// When `svg` is not an SVG document, or `zoom` makes a picture without pixels or of more than 20,000 on a side.
pub fn png(svg: &str, zoom: f32) -> Result<Vec<u8>, PictureError> {
    let options = Options { fontdb: fonts(), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let (width, height) = (tree.size().width() * zoom, tree.size().height() * zoom);
    let refused = PictureError::Size { width, height };
    if !(1.0..=LONGEST).contains(&width) || !(1.0..=LONGEST).contains(&height) {
        return Err(refused);
    }
    let mut pixels = Pixmap::new(width.round() as u32, height.round() as u32).ok_or(refused)?;
    resvg::render(&tree, Transform::from_scale(zoom, zoom), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::Png(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_asked_for() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><text x="1" y="15">a</text></svg>"#;
        let file = png(svg, 2.0).expect("a drawing");
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&file[16..24], [0, 0, 0, 60, 0, 0, 0, 40]);
    }

    #[test]
    fn what_is_no_drawing_is_refused() {
        assert!(matches!(png("no svg", 1.0), Err(PictureError::Svg(_))));
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"/>"#;
        for zoom in [0.0, -1.0, f32::NAN, 1e9] {
            assert!(matches!(png(svg, zoom), Err(PictureError::Size { .. })), "{zoom}");
        }
    }
}

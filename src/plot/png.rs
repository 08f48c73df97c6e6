//! Figures as PNG, for what cannot show SVG. Behind the feature `png`.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// Pixels of the picture for one of the figure's, so that it is sharp on fine screens.
const DENSITY: u16 = 2;

/// The picture of a figure's SVG, with a font of its own: the same bytes on any machine.
///
/// # Panics
/// Never for the SVG of a [`Figure`](super::Figure).
#[must_use]
pub fn png(svg: &str) -> Vec<u8> {
    let mut fonts = Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options).expect("figures are well-formed");
    let size = tree.size().to_int_size();
    let [width, height] = [size.width(), size.height()].map(|side| side * u32::from(DENSITY));
    let mut picture = Pixmap::new(width, height).expect("figures have a size");
    let scale = f32::from(DENSITY);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    picture.encode_png().expect("encoding into memory")
}

//! The embedded font: maps text to glyphs, measures it and wraps lines.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::{
    FontRef, MetadataProvider as _,
    instance::{LocationRef, Size},
};

use super::PdfError;

/// Noto Sans covers Latin, Greek and Cyrillic with all accents; its digits all have the same width.
static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

/// One weight of the font: `font` to embed in the PDF, `source` to measure with.
struct Face {
    font: Font,
    source: FontRef<'static>,
    units: f32,
}

pub struct Fonts {
    regular: Face,
    bold: Face,
}

impl Face {
    fn load(bytes: &'static [u8]) -> Result<Self, PdfError> {
        let broken = || PdfError("the embedded font is broken".to_owned());
        let font = Font::new(bytes.into(), 0).ok_or_else(broken)?;
        let source = FontRef::new(bytes).map_err(|_| broken())?;
        Ok(Self { units: font.units_per_em(), font, source })
    }
}

impl Fonts {
    pub fn load() -> Result<Self, PdfError> {
        Ok(Self { regular: Face::load(REGULAR)?, bold: Face::load(BOLD)? })
    }

    fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    pub fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// One glyph per character, in reading order. A character missing from the font shows as an empty box but can still be copied as text.
    pub fn glyphs(&self, weight: Weight, text: &str) -> Vec<KrillaGlyph> {
        let face = self.face(weight);
        let map = face.source.charmap();
        let metrics = face.source.glyph_metrics(Size::unscaled(), LocationRef::default());
        text.char_indices()
            .map(|(at, c)| {
                let id = map.map(c).unwrap_or_default();
                KrillaGlyph {
                    glyph_id: GlyphId::new(id.to_u32()),
                    text_range: at..at + c.len_utf8(),
                    x_advance: metrics.advance_width(id).unwrap_or_default() / face.units,
                    x_offset: 0.0,
                    y_offset: 0.0,
                    y_advance: 0.0,
                    location: None,
                }
            })
            .collect()
    }

    /// Width of `text` in points.
    pub fn width(&self, weight: Weight, size: f32, text: &str) -> f32 {
        self.glyphs(weight, text).iter().map(|g| g.x_advance).sum::<f32>() * size
    }

    /// Wraps text into lines of at most `width` points, at spaces; a word is split only if it is wider than a line.
    pub fn wrap(&self, weight: Weight, size: f32, text: &str, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.trim_end().lines() {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                for piece in self.pieces(weight, size, word, width) {
                    let longer = if line.is_empty() { piece.clone() } else { format!("{line} {piece}") };
                    if self.width(weight, size, &longer) <= width {
                        line = longer;
                    } else {
                        lines.push(std::mem::replace(&mut line, piece));
                    }
                }
            }
            lines.push(line);
        }
        lines
    }

    fn pieces(&self, weight: Weight, size: f32, word: &str, width: f32) -> Vec<String> {
        let mut pieces = vec![String::new()];
        let mut used = 0.0;
        for (glyph, c) in self.glyphs(weight, word).iter().zip(word.chars()) {
            let advance = glyph.x_advance * size;
            if used + advance > width && used > 0.0 {
                pieces.push(String::new());
                used = 0.0;
            }
            used += advance;
            pieces.last_mut().expect("begins with one piece").push(c);
        }
        pieces
    }
}

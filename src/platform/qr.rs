//! QR codes, for links that a customer opens with a phone's camera.

use std::fmt::{self, Write as _};

use qrcode::{Color, EcLevel, QrCode};

/// Width, in modules, of the light margin that scanners need around the code (ISO/IEC 18004).
pub const QUIET_ZONE: usize = 4;

/// The text does not fit a QR code (about 2,300 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is too long for a QR code")
    }
}

impl std::error::Error for TooLong {}

/// The squares of a code, without the quiet zone.
pub struct Modules {
    pub width: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// Horizontal runs of dark squares: column, row, length.
    pub fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for (y, row) in self.dark.chunks(self.width).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let length = row[x..].iter().take_while(|dark| **dark).count();
                if length > 0 {
                    runs.push((x, y, length));
                }
                x += length.max(1);
            }
        }
        runs
    }
}

/// The squares of `text`, with 15 % error correction.
pub fn modules(text: &str) -> Result<Modules, TooLong> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLong)?;
    let dark = code.to_colors().into_iter().map(|c| c == Color::Dark).collect();
    Ok(Modules { width: code.width(), dark })
}

/// An SVG of `text`, dark on white with its quiet zone, named `label` for a screen reader. Scales to its box.
pub fn svg(text: &str, label: &str) -> Result<String, TooLong> {
    let modules = modules(text)?;
    let size = modules.width + 2 * QUIET_ZONE;
    let mut path = String::new();
    for (x, y, length) in modules.runs() {
        let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET_ZONE, y + QUIET_ZONE);
    }
    let label = escape(label);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"qr\" role=\"img\" aria-label=\"{label}\" \
         viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{size}\" height=\"{size}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_a_labelled_picture_without_style() {
        let svg = svg("https://rounds.example/pay/abc", "Pay \"INV-0107\" <now>").unwrap();
        assert!(svg.contains("role=\"img\" aria-label=\"Pay &quot;INV-0107&quot; &lt;now&gt;\""));
        assert!(!svg.contains("style"));
        // A finder pattern in the top left corner, after the quiet zone.
        assert!(svg.contains("d=\"M4 4h7v1h-7z"));
        assert_eq!(super::svg(&"x".repeat(4000), ""), Err(TooLong));
    }

    #[test]
    fn runs_cover_exactly_the_dark_squares() {
        let modules = modules("hello").unwrap();
        let dark: usize = modules.runs().iter().map(|(_, _, length)| length).sum();
        assert_eq!(dark, modules.dark.iter().filter(|d| **d).count());
    }
}

//! The logo on invoices and mails. It is decoded once, when it is taken: what is stored is an image that can be drawn, small and upright.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, imageops::FilterType};

/// The largest file taken, in bytes.
pub const MAX_FILE: usize = 1024 * 1024;

/// The longest side taken, in pixels.
const MAX_SIDE: u32 = 4000;

/// The longest side stored, in pixels: a logo is printed 5 cm wide at most, and 400 dots an inch are plenty.
const STORED_SIDE: u32 = 800;

/// An image as it is stored.
pub struct Logo {
    pub bytes: Vec<u8>,
    pub mime: &'static str,
}

/// Decodes a PNG or JPEG, turns it upright as its camera noted, makes it small and encodes it anew. Errors: why it can't be taken, for the person.
pub fn read(bytes: &[u8]) -> Result<Logo, &'static str> {
    if bytes.len() > MAX_FILE {
        return Err("The logo may have at most 1 MB.");
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| UNREADABLE)?;
    let format =
        reader.format().filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg)).ok_or("The logo must be a PNG or JPEG image.")?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(why)?;
    let orientation = decoder.orientation().map_err(why)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(why)?;
    image.apply_orientation(orientation);
    if image.width().max(image.height()) > STORED_SIDE {
        image = image.resize(STORED_SIDE, STORED_SIDE, FilterType::CatmullRom);
    }
    // Eight bits a channel are what every reader of PDFs and mails shows.
    let image =
        if image.color().has_alpha() { DynamicImage::ImageRgba8(image.to_rgba8()) } else { DynamicImage::ImageRgb8(image.to_rgb8()) };
    let mut stored = Cursor::new(Vec::new());
    image.write_to(&mut stored, format).map_err(|_| UNREADABLE)?;
    Ok(Logo { bytes: stored.into_inner(), mime: format.to_mime_type() })
}

const UNREADABLE: &str = "This image is damaged or cut off. Save it once more in a picture program and upload it again.";

fn why(error: image::ImageError) -> &'static str {
    match error {
        image::ImageError::Limits(_) => "The logo may be at most 4000 pixels wide and high.",
        _ => UNREADABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let image = image::RgbaImage::from_fn(width, height, |x, y| image::Rgba([x.to_le_bytes()[0], y.to_le_bytes()[0], 90, 255]));
        DynamicImage::ImageRgba8(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn stored(bytes: &[u8]) -> DynamicImage {
        image::load_from_memory(&read(bytes).unwrap().bytes).unwrap()
    }

    #[test]
    fn an_image_is_stored_small() {
        let image = stored(&png(1600, 400));
        assert_eq!((image.width(), image.height()), (800, 200));
        assert_eq!(stored(&png(40, 20)).width(), 40, "a small one is not blown up");
    }

    #[test]
    fn a_damaged_image_is_refused_wherever_it_is_cut() {
        let whole = png(120, 90);
        for length in (0..whole.len()).step_by(97) {
            assert!(read(&whole[..length]).is_err(), "cut at {length}");
        }
        let flipped = (60..whole.len() - 20).step_by(211).filter(|at| {
            let mut bytes = whole.clone();
            bytes[*at] ^= 0x10;
            read(&bytes).is_ok()
        });
        assert_eq!(flipped.count(), 0, "a flipped bit fails its chunk's checksum");
    }

    #[test]
    fn what_is_no_picture_or_far_too_large_is_told_apart() {
        assert!(read(b"<svg onload=alert(1)>").err().unwrap().contains("PNG or JPEG"));
        assert!(read(&png(4001, 1)).err().unwrap().contains("4000"));
        assert!(read(&vec![0; MAX_FILE + 1]).err().unwrap().contains("1 MB"));
    }

    #[test]
    fn a_photo_is_turned_upright() {
        let mut jpeg = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(30, 10).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        let jpeg = jpeg.into_inner();
        // An EXIF segment that says "turn right by 90 degrees", after the start marker.
        let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
        assert_eq!((stored(&jpeg).width(), stored(&turned).width()), (30, 10));
    }
}

//! The static files and the release of the pages, embedded by `build.rs` and handed down to `platform::assets` at start.

use platform::assets::Asset;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Changes with any template, style or script.
pub const RELEASE: &str = env!("RELEASE_OF_PAGES");

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(name: &str) -> usize {
        let a = ASSETS.iter().find(|a| a.name == name).unwrap();
        a.br.map_or(a.body.len(), <[u8]>::len)
    }

    #[test]
    fn weights_stay_within_the_budget() {
        assert!(packed("app.css") <= 8 * 1024, "app.css {}", packed("app.css"));
        assert!(packed("public.css") <= 2560, "public.css {}", packed("public.css"));
        // A page has one of these beside `app.js`; `desk.js` comes where there is a mouse.
        for own in ["more.js", "wizard.js"] {
            let sum = packed("app.js") + packed(own);
            assert!(sum <= 8 * 1024, "app.js and {own} {sum}");
        }
        assert!(packed("sw.js") <= 5 * 1024, "sw.js {}", packed("sw.js"));
    }

    #[test]
    fn every_name_used_in_templates_exists() {
        let mut dirs = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates"))];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let icons = std::str::from_utf8(ASSETS.iter().find(|a| a.name == "icons.svg").unwrap().body).unwrap();
                for used in text.split("icon(\"").skip(1) {
                    let name = used.split('"').next().unwrap();
                    assert!(icons.contains(&format!("id=\"{name}\"")), "icon {name} in {}", path.display());
                }
                for used in text.split("assets::url(\"").skip(1) {
                    let name = used.split('"').next().unwrap();
                    assert!(ASSETS.iter().any(|a| a.name == name), "{name} in {}", path.display());
                }
            }
        }
    }
}

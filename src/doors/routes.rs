//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{api, live};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::Member;
    use Permission::{Any, ReadRecords};
    vec![
        // Home.
        get("/live", Member(ReadRecords), live::web::stream),
        // For programs.
        // Read only after the token was let in. As large as a file of `import.preview` in base64.
        post("/api/actions", Member(Any), api::act).accepts(api::MAX_ACTION),
        get("/api/data", Member(ReadRecords), api::data),
        get("/api/capabilities", Member(Any), api::capabilities),
    ]
}

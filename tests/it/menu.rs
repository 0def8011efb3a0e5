//! The menu leads where the route table says, for those whom the routes let in, and forgets no page.

use std::collections::BTreeSet;

use app::{menu::MENU, routes};
use axum::http::Method;
use platform::{
    menu::Place,
    role::Permission,
    route::{Access, Route},
};

/// Pages without parameters that are in no menu, with the place that leads to them instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("/businesses/new", "your businesses"),
    ("/calendar/sheet", "the calendar"),
    ("/catalogue/new", "the catalogue"),
    ("/contacts/new", "the customers"),
    ("/contacts/suggest", "the search field: no page"),
    ("/invoices/new", "the invoices"),
    ("/keep", "the service worker: no page"),
    ("/live", "every page's live stream: no page"),
    ("/messages/new", "the messages"),
    ("/notices", "home"),
    ("/settings/logo", "the business's settings: an image"),
    ("/settings/team/new", "the team"),
];

/// What is wrong between the menu's addresses with their permissions and a route table.
fn faults(menu: &[(&str, Permission)], routes: &[Route]) -> Vec<String> {
    let pages: Vec<&Route> = routes.iter().filter(|r| r.method == Method::GET && !r.path.contains('{')).collect();
    let mut faults = Vec::new();
    for (href, permission) in menu {
        match pages.iter().find(|r| r.path == *href).map(|r| r.access) {
            Some(Access::Member(p)) if p == *permission => {}
            // Every member is signed in.
            Some(Access::SignedIn) if *permission == Permission::Any => {}
            Some(access) => faults.push(format!("{href} needs {permission:?} in the menu, {access:?} in the route table")),
            None => faults.push(format!("{href} is no page")),
        }
    }
    let known: BTreeSet<&str> = menu.iter().map(|m| m.0).chain(ELSEWHERE.iter().map(|e| e.0)).collect();
    for route in pages.iter().filter(|r| matches!(r.access, Access::Member(_) | Access::SignedIn) && !r.path.starts_with("/api/")) {
        if !known.contains(route.path) {
            faults.push(format!("{} is in no menu", route.path));
        }
    }
    faults
}

#[test]
fn the_menu_and_the_route_table_agree() {
    let menu: Vec<_> = MENU.iter().map(|e| (e.href, e.permission)).collect();
    let table = routes::table();
    assert_eq!(faults(&menu, &table), Vec::<String>::new());
    let stale = |path: &str| menu.iter().any(|m| m.0 == path) || !table.iter().any(|r| r.path == path);
    assert_eq!(ELSEWHERE.iter().map(|e| e.0).filter(|p| stale(p)).collect::<Vec<_>>(), Vec::<&str>::new(), "exceptions no longer needed");
    // The guard is shown one fault of each kind.
    let menu = |change: fn(&mut Vec<(&'static str, Permission)>)| {
        let mut menu = menu.clone();
        change(&mut menu);
        faults(&menu, &table)
    };
    assert_eq!(menu(|m| m.push(("/nowhere", Permission::Any))), ["/nowhere is no page"]);
    assert_eq!(menu(|m| m[0].1 = Permission::ManageTeam).len(), 1);
    assert_eq!(menu(|m| m.retain(|e| e.0 != "/payments")), ["/payments is in no menu"]);
}

#[test]
fn every_entry_can_be_read_found_and_is_shown_somewhere() {
    let listed = [Place::Work, Place::Office, Place::Demo, Place::Settings];
    for e in MENU {
        assert!(!e.word.is_empty() && !e.search.is_empty() && !e.places.is_empty(), "{e:?}");
        assert!(!e.hint.is_empty() || !listed.iter().any(|p| e.is_at(*p)), "{e:?}");
        assert_eq!(MENU.iter().filter(|other| other.href == e.href).count(), 1, "{e:?}");
    }
}

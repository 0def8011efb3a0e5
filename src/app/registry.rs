//! Every action and every data type there is: what `/api/actions`, `/api/data` and `/api/capabilities` offer, and what isolation tests walk.

use std::sync::LazyLock;

use platform::registry::Registry;

/// The areas' actions and data types joined; handed down in `App`.
pub static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry {
    actions: [
        office::registry::actions(),
        customers::registry::actions(),
        messages::registry::actions(),
        work::registry::actions(),
        money::registry::actions(),
        flows::registry::actions(),
    ]
    .into_iter()
    .flatten()
    .collect(),
    queries: [
        office::registry::queries(),
        customers::registry::queries(),
        messages::registry::queries(),
        work::registry::queries(),
        money::registry::queries(),
        flows::registry::queries(),
        views::registry::queries(),
    ]
    .into_iter()
    .flatten()
    .collect(),
});

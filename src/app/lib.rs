//! The one place that knows every area: joins their routes, actions, data types, jobs and reactions, puts the HTTP layers around them, embeds the
//! assets and migrations, and offers the command line and the demo.

pub mod assets;
pub mod cli;
pub mod demo;
pub mod http;
pub mod jobs;
pub mod reactions;
pub mod registry;
pub mod routes;
pub mod schema;
pub mod server;

//! How many connections the load takes.

use diesel_manifold::Settings;

use super::arguments::Load;

/// The bounds for this load.
pub fn settings(args: &Load) -> Settings {
    let mut settings = Settings::default();
    if let Some(connections) = args.connections {
        settings.pool.size = usize::try_from(connections).unwrap_or(usize::MAX);
    }
    settings
}

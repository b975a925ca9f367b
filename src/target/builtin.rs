//! The profiles that come with the program, as text: they go through the same reader as everybody's.

macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        /// Their names, in the order in which they are shown.
        pub(super) const NAMES: &[&str] = &[$($name),*];

        /// The text of one.
        pub(super) fn text(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("builtin/", $name, ".toml"))),)*
                _ => None,
            }
        }
    };
}

profiles![
    "orders-batch",
    "orders-atomic",
    "imports-async",
    "j17",
    "j17-new",
    "j17-migrate",
    "experiture-append",
    "experiture-upsert",
    "single",
    "json-array",
    "json-envelope",
    "ndjson",
    "elasticsearch",
    "opensearch",
    "couchdb",
    "postgrest",
    "datasette",
    "clickhouse",
    "meilisearch",
    "typesense",
    "parse",
    "hubspot",
    "salesforce-collections",
    "zendesk",
    "mixpanel",
    "segment",
    "algolia",
    "victoriametrics",
];

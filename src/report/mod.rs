//! The words for people, and the same as JSON. Nothing is decided here.

mod closing;
mod onlooker;
pub mod speech;
mod summary;
pub mod targets;

pub use closing::Closing;
pub use onlooker::Onlooker;
pub use summary::Summary;

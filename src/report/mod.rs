//! The words for people, and the same as JSON. Nothing is decided here.

pub mod audit;
mod causes;
mod chart;
mod closing;
mod deletion;
pub mod groups;
pub mod log;
mod onlooker;
pub mod page;
mod pattern;
mod phrases;
pub mod picture;
pub mod plan;
mod progress;
mod reading;
pub mod rejects;
mod screen;
pub mod speech;
pub mod status;
mod summary;
pub mod targets;
mod timeline;

pub use closing::{Closing, Part};
pub use deletion::Deletion;
pub use onlooker::Onlooker;
pub use reading::ReadingBar;
pub use summary::{Deleted, LeftOut, Replayed, Summary};

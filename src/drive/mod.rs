//! The corridor: it takes an event from an edge, gives it to the engine, and carries the engine's commands back.
//! It holds the only `select!` and no decision.

pub mod calls;
mod courses;
mod cut;
mod ends;
mod former;
mod forming;
mod grouped;
mod hands;
mod journal;
mod recorder;
mod run;
mod stage;
mod window;

pub use former::Former;
pub use forming::{Forming, rebuild};
pub use run::{Ended, Run, Running, Watch};
pub use stage::Stage;

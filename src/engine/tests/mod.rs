//! The gate against targets that are models, in virtual time.

mod limited;
mod model;

//! What the language promises.

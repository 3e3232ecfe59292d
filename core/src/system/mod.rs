//! The machine that podrole runs on: its files and its clock.

mod clock;
mod disk;

pub use clock::SystemClock;
pub use disk::Disk;

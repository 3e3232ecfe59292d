//! Runnable examples of podrole.

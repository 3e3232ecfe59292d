//! Who writes a role's trust policy now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::model::{AccountId, RoleName};

type Key = (Option<AccountId>, String);

/// A trust policy is read, written and read back, and IAM lets the later of two writers win: the runs of one client take turns at each role, so
/// that the second sees what the first wrote.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<Key, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn, which lasts until the guard is dropped.
    pub(super) async fn at(&self, account: Option<&AccountId>, role: &RoleName) -> OwnedMutexGuard<()> {
        let turn = {
            let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody has these, and nobody waits for them.
            roles.retain(|_, turn| Arc::strong_count(turn) > 1);
            // IAM does not tell upper and lower case apart.
            Arc::clone(roles.entry((account.cloned(), role.as_str().to_lowercase())).or_default())
        };
        turn.lock_owned().await
    }
}

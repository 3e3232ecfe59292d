//! STS: who the credentials stand for.

use async_trait::async_trait;
use aws_sdk_sts::Client;

use super::convert::arn;
use super::errors::map;
use crate::error::Result;
use crate::model::Arn;
use crate::ports::{StsRead, traced};

pub(super) struct Sts(Client);

impl Sts {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl StsRead for Sts {
    async fn caller(&self) -> Result<Arn> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let output = traced(OPERATION, self.0.get_caller_identity().send())
            .await
            .map_err(|error| map(OPERATION, "the caller", &error))?;
        arn(OPERATION, output.arn().unwrap_or_default())
    }
}

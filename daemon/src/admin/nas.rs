//! NASes: listed, shown, and asked what they accept.

use std::net::IpAddr;

use http::Response;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::routes::Call;

impl Admin {
    pub(crate) async fn nas_list(&self) -> Result<Response<Body>, Problem> {
        let all = self.network.nas_list().await.map_err(Problem::failed)?;
        Ok(body::ok(&all))
    }

    pub(crate) async fn nas_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let name = call.name.clone();
        let found = self.network.nas_show(name).await.map_err(Problem::failed)?;
        found.map_or_else(|| Err(no_such_nas(call)), |nas| Ok(body::ok(&nas)))
    }

    pub(crate) async fn nas_probe(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let address: Option<IpAddr> = call.query.parse("address")?;
        let probed = self.network.nas_probe(call.name.clone(), address).await;
        probed.map_or_else(
            || Err(no_such_nas(call)),
            |answers| match answers {
                Ok(answers) => Ok(body::ok(&answers)),
                Err(why) => Err(Problem::malformed(why)),
            },
        )
    }
}

fn no_such_nas(call: &Call) -> Problem {
    Problem::not_found(format!("the configuration has no NAS {:?}", call.name))
}

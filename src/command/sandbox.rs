//! `bulkhaul sandbox`: the practice server as a process of its own, until it is interrupted.

use crate::args::SandboxArgs;
use crate::edge::interrupt::Interrupts;
use crate::error::Error;
use crate::report::speech;
use crate::sandbox::{Options, Sandbox};

pub(super) fn run(args: &SandboxArgs) -> Result<u8, Error> {
    let options = Options {
        port: args.port,
        faults: args.faults.unwrap_or_default(),
        seed: args.seed,
        store: args.store.clone(),
        verbose: args.verbose,
        ..Options::default()
    };
    let server = Sandbox::start(options).map_err(|error| Error::failed(error.to_string()))?;
    speech::tell(&server.url());
    speech::say(&format!(
        "the sandbox listens on {url}, and takes any token; in another terminal:\n  \
         ORDERS_TOKEN=any bulkhaul send FILE --to orders-batch --url {url}\n  \
         bulkhaul send FILE --to {url}/rows\n  curl {url}/_sandbox/truth",
        url = server.url()
    ));
    let waiting = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            Interrupts::listen()?.next().await;
            Ok(())
        })
    };
    waiting().map_err(|error| Error::failed(format!("signals cannot be heard: {error}")))?;
    server.stop();
    Ok(0)
}

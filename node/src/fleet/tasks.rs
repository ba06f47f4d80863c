//! Tasks of whatever executor there is.

use std::{any::Any, fmt, future::Future, panic::AssertUnwindSafe};

use futures::{FutureExt as _, channel::oneshot, future::BoxFuture};

use crate::link::Spawn;

/// A task did not come to its end.
#[derive(Debug)]
pub(super) struct Died(Option<Box<dyn Any + Send>>);

impl Died {
    /// Panics as the task did, if it did.
    pub(super) fn pass_on(self) {
        if let Some(panic) = self.0 {
            std::panic::resume_unwind(panic);
        }
    }
}

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(panic) = &self.0 else { return f.write_str("its executor has gone") };
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        write!(f, "it panicked: {}", text.unwrap_or("without a word"))
    }
}

/// Lets an executor run a task; what comes of it.
pub(super) fn spawn<T: Send + 'static>(
    spawn: &Spawn,
    task: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, Result<T, Died>> {
    let (tell, told) = oneshot::channel();
    let caught = AssertUnwindSafe(task).catch_unwind();
    spawn(Box::pin(async move {
        // Whoever wanted to know may have gone.
        let _ = tell.send(caught.await);
    }));
    let ended = async move {
        match told.await {
            Ok(Ok(came)) => Ok(came),
            Ok(Err(panic)) => Err(Died(Some(panic))),
            Err(oneshot::Canceled) => Err(Died(None)),
        }
    };
    ended.boxed()
}

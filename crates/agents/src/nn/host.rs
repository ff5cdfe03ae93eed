use candle_core::{CpuStorage, Layout, Storage, Tensor};
use pavlov_rl_core::AgentError;

/// Makes an [`AgentError::Compute`] of a candle error: its first line, without a backtrace.
pub(crate) fn compute_error(what: &'static str) -> impl Fn(candle_core::Error) -> AgentError {
    move |error| {
        let text = error.to_string();
        AgentError::Compute { what, message: text.lines().next().unwrap_or_default().to_owned() }
    }
}

/// The numbers of a contiguous tensor in host memory.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("expected a contiguous tensor, got layout {layout:?}"),
    }
}

/// The numbers of a tensor in row-major order.
///
/// # Errors
/// [`AgentError::Compute`] if they cannot be read from the device.
pub fn host(tensor: &Tensor) -> Result<Vec<f32>, AgentError> {
    with_slice(tensor, <[f32]>::to_vec).map_err(compute_error("reading a tensor"))
}

/// Reads a tensor's numbers in row-major order; copies only if they are strided or on a device.
pub(crate) fn with_slice<R>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> R) -> candle_core::Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    if let Storage::Cpu(storage) = &*storage {
        return Ok(read(slice(storage, layout)?));
    }
    drop(storage);
    Ok(read(&tensor.flatten_all()?.to_vec1::<f32>()?))
}

use candle_core::backprop::GradStore;
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

/// Gradients of the sum of `output * gradient of the loss with respect to it` over all outputs: the chain rule through
/// the graph.
pub(crate) fn backward(outputs: Vec<(&Tensor, Vec<f32>)>) -> Result<GradStore, AgentError> {
    let mut total: Option<Tensor> = None;
    for (output, gradient) in outputs {
        let gradient = Tensor::from_vec(gradient, output.shape(), output.device());
        let part = gradient.and_then(|gradient| (output * gradient)?.sum_all());
        let sum = part.and_then(|part| match &total {
            Some(total) => total + part,
            None => Ok(part),
        });
        total = Some(sum.map_err(compute_error("the backward pass"))?);
    }
    let total = total.expect("a network has outputs");
    total.backward().map_err(compute_error("the backward pass"))
}

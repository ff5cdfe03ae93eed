use candle_core::{DType, Device, Tensor};
use pavlov_rl_core::{AgentError, Frame, Observations};

use super::host::compute_error;

/// Gathers windows of a frame, wherever tensors live.
///
/// In host memory rows are copied from the frame itself; a device holds a copy of the whole frame, made once, and takes
/// rows from it by index.
#[derive(Debug)]
pub(crate) struct Windows {
    device: Device,
    /// The copy, with the frame that it is of.
    copy: Option<(Frame, Tensor)>,
}

impl Windows {
    /// For tensors on this device.
    pub(crate) fn new(device: &Device) -> Self {
        Self { device: device.clone(), copy: None }
    }

    /// The windows of all copies of an environment, time-major: `[W, N, F]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold them.
    pub(crate) fn gather(&mut self, seen: Observations<'_>) -> Result<Tensor, AgentError> {
        let rows = (0..seen.spec.window)
            .flat_map(|w| seen.last_row.iter().map(move |last| last + 1 - seen.spec.window as u32 + w as u32));
        let rows: Vec<u32> = rows.collect();
        let shape = (seen.spec.window, seen.len(), seen.spec.features);
        self.rows(seen.frame, &rows)?.reshape(shape).map_err(compute_error("gathering windows"))
    }

    /// Whole observations, flattened, `[N, W * F + A]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold them.
    pub(crate) fn flat(&mut self, seen: Observations<'_>) -> Result<Tensor, AgentError> {
        if !self.device.is_cpu() {
            return self.flat_indexed(seen);
        }
        let mut numbers = Vec::new();
        seen.flatten(&mut numbers);
        let flat = Tensor::from_vec(numbers, (seen.len(), seen.spec.flat_len()), &self.device);
        flat.map_err(compute_error("gathering observations"))
    }

    /// The same of windows that are taken from a copy of the frame where tensors live.
    fn flat_indexed(&mut self, seen: Observations<'_>) -> Result<Tensor, AgentError> {
        let (rows, accounts) = (self.gather(seen)?, self.accounts(seen)?);
        let flat = rows.transpose(0, 1).and_then(|rows| rows.flatten_from(1)).and_then(|windows| {
            if seen.spec.account == 0 { Ok(windows) } else { Tensor::cat(&[windows, accounts], 1) }
        });
        flat.map_err(compute_error("gathering observations"))
    }

    /// Rows of a frame, `[N, F]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold them.
    pub(crate) fn rows(&mut self, frame: &Frame, rows: &[u32]) -> Result<Tensor, AgentError> {
        if !self.device.is_cpu() {
            return self.indexed(frame, rows);
        }
        let numbers: Vec<f32> = rows.iter().flat_map(|row| frame.window(*row, 1)).copied().collect();
        let rows = Tensor::from_vec(numbers, (rows.len(), frame.cols()), &self.device);
        rows.map_err(compute_error("gathering rows"))
    }

    /// The same rows, taken from a copy of the frame where tensors live.
    fn indexed(&mut self, frame: &Frame, rows: &[u32]) -> Result<Tensor, AgentError> {
        let rows = Tensor::new(rows, &self.device);
        let taken = rows.and_then(|rows| self.on_device(frame)?.index_select(&rows, 0));
        taken.map_err(compute_error("gathering rows"))
    }

    /// Account numbers `[N, A]`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold them.
    pub(crate) fn accounts(&self, seen: Observations<'_>) -> Result<Tensor, AgentError> {
        let shape = (seen.len(), seen.spec.account);
        let failed = compute_error("gathering accounts");
        if seen.spec.account == 0 {
            return Tensor::zeros(shape, DType::F32, &self.device).map_err(failed);
        }
        Tensor::from_slice(seen.account, shape, &self.device).map_err(failed)
    }

    /// The frame on the device; copied there if it is another one than before.
    fn on_device(&mut self, frame: &Frame) -> candle_core::Result<&Tensor> {
        if self.copy.as_ref().is_none_or(|(known, _)| !known.is(frame)) {
            let (rows, cols) = (frame.rows(), frame.cols());
            let all = if rows == 0 { &[] } else { frame.window(rows as u32 - 1, rows) };
            self.copy = Some((frame.clone(), Tensor::from_slice(all, (rows, cols), &self.device)?));
        }
        Ok(&self.copy.as_ref().expect("it was just made").1)
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::ObservationSpec;

    use super::*;
    use crate::nn::host;

    #[test]
    fn windows_are_gathered_time_major_in_host_memory_and_from_a_copy_of_the_frame() {
        let frame = Frame::new(2, (0..20).map(|x| x as f32).collect());
        let spec = ObservationSpec { window: 3, features: 2, account: 1 };
        let seen = Observations { frame: &frame, spec, last_row: &[4, 9], account: &[0.5, 0.25] };
        let mut windows = Windows::new(&Device::Cpu);
        let gathered = windows.gather(seen).unwrap();
        assert_eq!(gathered.dims(), [3, 2, 2]);
        let expected = [4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0, 8.0, 9.0, 18.0, 19.0];
        assert_eq!(host(&gathered).unwrap(), expected);
        assert_eq!(host(&windows.indexed(&frame, &[2, 7, 3, 8, 4, 9]).unwrap()).unwrap(), expected);
        let other = Frame::new(1, vec![7.0, 8.0]);
        assert_eq!(host(&windows.indexed(&other, &[1]).unwrap()).unwrap(), [8.0]);
        assert_eq!(host(&windows.accounts(seen).unwrap()).unwrap(), [0.5, 0.25]);
        let mut flat = Vec::new();
        seen.flatten(&mut flat);
        for gathered in [windows.flat(seen).unwrap(), windows.flat_indexed(seen).unwrap()] {
            assert_eq!((gathered.dims(), host(&gathered).unwrap()), (&[2, 7][..], flat.clone()));
        }
    }
}

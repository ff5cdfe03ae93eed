use super::Lane;

/// Rows that a kernel takes at once: enough for an efficient matrix product, few enough for the cache.
pub(crate) const CHUNK_ROWS: usize = 128;

/// Adds every row of `rows` `[R, panels]` to `sums` `[panels]`.
#[inline(always)]
pub(crate) fn add_rows(rows: &[Lane], sums: &mut [Lane]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, lane) in sums.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
            *sum += lane;
        }
    }
}

/// Copies one column of `rows` `[R, panels]` to `to` `[R]`.
pub(crate) fn copy_column(rows: &[Lane], panels: usize, col: usize, to: &mut [f32]) {
    for (to, row) in to.iter_mut().zip(rows.chunks_exact(panels)) {
        *to = row[col / 16][col % 16];
    }
}

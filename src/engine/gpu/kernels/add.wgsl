// out[t, r] += (products[t, r] + bias[r]) * SCALE: what a block adds to the residual stream.
override OUT_ROWS: u32;
override SCALE: f32;
override HAS_BIAS: bool;
override IS_COMPENSATION: bool;  // the bias is that of a submodel

@group(1) @binding(5) var<storage, read_write> out: array<f32>;  // [count, OUT_ROWS]
@group(1) @binding(6) var<storage, read> bias: array<f32>;       // [OUT_ROWS], or [submodels, OUT_ROWS]

fn finish(lane: u32, first_token: u32, first_panel: u32) {
  for (var i = lane; i < TOKENS * ROWS; i += LANES) {
    let t = first_token + i / ROWS;
    let r = first_panel * 16 + i % ROWS;
    if ((TOKENS > 1 && t >= run.count) || r >= OUT_ROWS) {
      continue;
    }
    var value = products[i];
    if (HAS_BIAS) {
      value += bias[select(0, run.submodel, IS_COMPENSATION) * OUT_ROWS + r];
    }
    out[t * OUT_ROWS + r] += value * SCALE;
  }
}

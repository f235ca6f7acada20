// out[t, r] = products[t, r] * SCALE + bias[r].
override OUT_ROWS: u32;
override SCALE: f32;
override HAS_BIAS: bool;

@group(1) @binding(5) var<storage, read_write> out: array<f32>;  // [count, OUT_ROWS]
@group(1) @binding(6) var<storage, read> bias: array<f32>;       // [OUT_ROWS]

fn finish(lane: u32, first_token: u32, first_panel: u32) {
  for (var i = lane; i < TOKENS * ROWS; i += LANES) {
    let t = first_token + i / ROWS;
    let r = first_panel * 16 + i % ROWS;
    if ((TOKENS > 1 && t >= run.count) || r >= OUT_ROWS) {
      continue;
    }
    var value = products[i] * SCALE;
    if (HAS_BIAS) {
      value += bias[r];
    }
    out[t * OUT_ROWS + r] = value;
  }
}

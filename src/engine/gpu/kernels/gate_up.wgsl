// out[t, :] ~ silu(gate) * up in int8. A panel of 16 rows of gate comes before one of up: a block of 16 hidden units.
override OUT_BLOCKS: u32;  // ffn / 16 of the whole model

@group(1) @binding(5) var<storage, read_write> out: array<vec4<u32>>;    // [count, OUT_BLOCKS]
@group(1) @binding(6) var<storage, read_write> out_scales: array<f32>;   // [count, OUT_BLOCKS]

fn finish(lane: u32, first_token: u32, first_panel: u32) {
  let t = first_token + lane;
  if (lane >= TOKENS || (TOKENS > 1 && t >= run.count)) {
    return;
  }
  var hidden: array<vec4<f32>, 4>;
  for (var i = 0u; i < 16; i++) {
    let gate = products[lane * ROWS + i];
    hidden[i / 4][i % 4] = gate / (1 + exp(-gate)) * products[lane * ROWS + 16 + i];
  }
  let quantised = quantise(hidden);
  out[t * OUT_BLOCKS + first_panel / 2] = quantised.values;
  out_scales[t * OUT_BLOCKS + first_panel / 2] = quantised.scale;
}

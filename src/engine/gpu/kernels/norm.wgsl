// values[t, :] ~ x[t, :] / rms(x[t, :]) * weight in int8. A workgroup a token.
override BLOCKS: u32;    // hidden / 16
override EPS: f32;
override IS_HEAD: bool;  // only the tokens whose logits are wanted

@group(1) @binding(0) var<storage, read> x: array<vec4<f32>>;               // [count, hidden / 4]
@group(1) @binding(1) var<storage, read> weight: array<vec4<f32>>;          // [hidden / 4]
@group(1) @binding(2) var<storage, read_write> values: array<vec4<u32>>;    // [count, hidden / 16]
@group(1) @binding(3) var<storage, read_write> value_scales: array<f32>;    // [count, hidden / 16]

const LANES = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, lanes: Lane) {
  let lane = lanes.index;
  let first = (group.y + select(0, run.head_row, IS_HEAD)) * BLOCKS * 4;
  var sum = 0.0;
  for (var i = lane; i < BLOCKS * 4; i += LANES) {
    sum += dot(x[first + i], x[first + i]);
  }
  let squares = workgroup_sum(lanes, sum);
  let inverse = 1 / sqrt(squares / f32(BLOCKS * 16) + EPS);
  for (var block = lane; block < BLOCKS; block += LANES) {
    var normed: array<vec4<f32>, 4>;
    for (var i = 0u; i < 4; i++) {
      normed[i] = x[first + block * 4 + i] * inverse * weight[block * 4 + i];
    }
    let quantised = quantise(normed);
    values[group.y * BLOCKS + block] = quantised.values;
    // An infinite sum gives zeros, which would hide it.
    value_scales[group.y * BLOCKS + block] = select(squares, quantised.scale, is_finite(squares));
  }
}

// A matrix of 4 bits with a scale and a minimum for each group of 32 columns: scale * q + minimum. The weights lie as in
// groups4.wgsl.
@group(1) @binding(0) var<storage, read> weights: array<vec2<u32>>;
@group(1) @binding(1) var<storage, read> weight_scales: array<u32>;  // [rows / 16, columns / 32, 16] scale and minimum

const HAS_MINIMUM = true;

fn weights_of(panel: u32, block: u32, row: u32) -> vec4<u32> {
  let words = weights[(panel * BLOCKS + block) * 16 + row];
  return vec4<u32>(words.x, words.x >> 4, words.y, words.y >> 4) & vec4<u32>(0x0f0f0f0f);
}

fn scale_of(panel: u32, block: u32, row: u32) -> f32 {
  return unpack2x16float(weight_scales[(panel * (BLOCKS / 2) + block / 2) * 16 + row]).x;
}

fn minimum_of(panel: u32, block: u32, row: u32) -> f32 {
  return unpack2x16float(weight_scales[(panel * (BLOCKS / 2) + block / 2) * 16 + row]).y;
}

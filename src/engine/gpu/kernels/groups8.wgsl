// A matrix in int8 with a scale for each group of 32 columns: the blocks of rows8.wgsl, and scales as float16
// [rows / 16, columns / 32, 16].
@group(1) @binding(0) var<storage, read> weights: array<vec4<u32>>;
@group(1) @binding(1) var<storage, read> weight_scales: array<u32>;  // two rows a word

const HAS_MINIMUM = false;

fn weights_of(panel: u32, block: u32, row: u32) -> vec4<u32> {
  return weights[(panel * BLOCKS + block) * 16 + row];
}

fn scale_of(panel: u32, block: u32, row: u32) -> f32 {
  return unpack2x16float(weight_scales[(panel * (BLOCKS / 2) + block / 2) * 8 + row / 2])[row % 2];
}

fn minimum_of(panel: u32, block: u32, row: u32) -> f32 {
  return 0;
}

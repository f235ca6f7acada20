// A matrix in int8 with a scale for each row: [rows / 16, BLOCKS, 16] blocks of 16 columns. The blocks of 16 rows follow
// each other, so that neighbouring invocations read neighbouring words; a submodel reads the first rows (gate, up), or the
// first blocks of each row (down).
@group(1) @binding(0) var<storage, read> weights: array<vec4<u32>>;
@group(1) @binding(1) var<storage, read> weight_scales: array<f32>;  // [rows]

const HAS_MINIMUM = false;

// 16 weights of a row as int8. They are multiplied with scale_of.
fn weights_of(panel: u32, block: u32, row: u32) -> vec4<u32> {
  return weights[(panel * BLOCKS + block) * 16 + row];
}

fn scale_of(panel: u32, block: u32, row: u32) -> f32 {
  return weight_scales[panel * 16 + row];
}

// Added to each weight after the scale.
fn minimum_of(panel: u32, block: u32, row: u32) -> f32 {
  return 0;
}

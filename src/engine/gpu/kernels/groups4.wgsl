// A matrix of 4 bits with a scale for each group of 32 columns: scale * (q - 8). [rows / 16, BLOCKS, 16] blocks of 16 columns,
// two words each; a word has columns 0 to 3 of its eight in the low bits of its bytes, and 4 to 7 in the high bits.
@group(1) @binding(0) var<storage, read> weights: array<vec2<u32>>;
@group(1) @binding(1) var<storage, read> weight_scales: array<u32>;  // as in groups8.wgsl

const HAS_MINIMUM = false;

fn weights_of(panel: u32, block: u32, row: u32) -> vec4<u32> {
  let words = weights[(panel * BLOCKS + block) * 16 + row];
  let bytes = vec4<u32>(words.x, words.x >> 4, words.y, words.y >> 4) & vec4<u32>(0x0f0f0f0f);
  // q - 8 in each byte: the high bit keeps it from borrowing of the next one.
  return ((bytes | vec4<u32>(0x80808080)) - vec4<u32>(0x08080808)) ^ vec4<u32>(0x80808080);
}

fn scale_of(panel: u32, block: u32, row: u32) -> f32 {
  return unpack2x16float(weight_scales[(panel * (BLOCKS / 2) + block / 2) * 8 + row / 2])[row % 2];
}

fn minimum_of(panel: u32, block: u32, row: u32) -> f32 {
  return 0;
}

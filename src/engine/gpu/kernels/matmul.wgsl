// products[t, r] = weights[r, :] . values[t, :], for 32 rows (two panels) and 32 tokens. Each invocation computes 4 rows of
// 4 tokens. Two blocks of 16 columns at a time go through the workgroup's memory.
override BLOCKS: u32;  // of a row of the matrix

@group(1) @binding(2) var<storage, read> values: array<vec4<u32>>;    // [count, BLOCKS]
@group(1) @binding(3) var<storage, read> value_scales: array<f32>;    // [count, BLOCKS]
@group(1) @binding(4) var<uniform> used_blocks: u32;                  // the first blocks of each row

const TOKENS = 32;
const LANES = 64;
const ROWS = 32;
var<workgroup> tile_weights: array<vec4<u32>, 64>;  // [2 blocks, 32 rows]
var<workgroup> tile_scales: array<f32, 64>;
var<workgroup> tile_minimums: array<f32, 64>;
var<workgroup> tile_values: array<vec4<u32>, 64>;   // [2 blocks, 32 tokens]
var<workgroup> tile_value_scales: array<f32, 64>;
var<workgroup> products: array<f32, TOKENS * ROWS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first_token = group.y * TOKENS;
  let row = lane % 8;
  let token = lane / 8;
  var sums: array<vec4<f32>, 4>;  // [tokens][rows]
  for (var first = 0u; first < used_blocks; first += 2) {
    let block = first + lane / 32;
    let is_row_used = block < used_blocks;
    let panel = group.x * 2 + lane % 32 / 16;
    let t = first_token + lane % 32;
    tile_weights[lane] = vec4<u32>();
    tile_values[lane] = vec4<u32>();
    tile_value_scales[lane] = 0;
    if (is_row_used) {
      tile_weights[lane] = weights_of(panel, block, lane % 16);
      tile_scales[lane] = scale_of(panel, block, lane % 16);
      if (HAS_MINIMUM) {
        tile_minimums[lane] = minimum_of(panel, block, lane % 16);
      }
      if (t < run.count) {
        tile_values[lane] = values[t * BLOCKS + block];
        tile_value_scales[lane] = value_scales[t * BLOCKS + block];
      }
    }
    workgroupBarrier();
    for (var b = 0u; b < 64; b += 32) {
      for (var j = 0u; j < 4; j++) {
        let x = tile_values[b + token * 4 + j];
        let x_scale = tile_value_scales[b + token * 4 + j];
        for (var i = 0u; i < 4; i++) {
          let r = b + row * 4 + i;
          var sum = f32(dot16(tile_weights[r], x)) * tile_scales[r];
          if (HAS_MINIMUM) {
            sum += f32(dot16(vec4<u32>(0x01010101), x)) * tile_minimums[r];
          }
          sums[j][i] += sum * x_scale;
        }
      }
    }
    workgroupBarrier();
  }
  for (var j = 0u; j < 4; j++) {
    for (var i = 0u; i < 4; i++) {
      products[(token * 4 + j) * ROWS + row * 4 + i] = sums[j][i];
    }
  }
  workgroupBarrier();
  finish(lane, first_token, group.x * 2);
}

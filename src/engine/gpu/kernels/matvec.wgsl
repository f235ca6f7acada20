// products[0, r] = weights[r, :] . values[t, :], for PANELS * 16 rows of one token. A workgroup reads each row in SLICES
// slices.
override BLOCKS: u32;       // of a row of the matrix
override PANELS: u32;       // 1, or 2 if the rows come in pairs
override SLICES: u32;

@group(1) @binding(2) var<storage, read> values: array<vec4<u32>>;    // [count, BLOCKS]
@group(1) @binding(3) var<storage, read> value_scales: array<f32>;    // [count, BLOCKS]
@group(1) @binding(4) var<uniform> used_blocks: u32;                  // the first blocks of each row

const TOKENS = 1;
override LANES = SLICES * 16;
override ROWS = PANELS * 16;
var<workgroup> slices: array<f32, PANELS * LANES>;
var<workgroup> products: array<f32, ROWS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = lane % 16;
  for (var i = 0u; i < PANELS; i++) {
    let panel = group.x * PANELS + i;
    var sum = 0.0;
    for (var block = lane / 16; block < used_blocks; block += SLICES) {
      let x = values[group.y * BLOCKS + block];
      sum += product(panel, block, row, x) * value_scales[group.y * BLOCKS + block];
    }
    slices[i * LANES + lane] = sum;
  }
  workgroupBarrier();
  for (var r = lane; r < ROWS; r += LANES) {
    var sum = 0.0;
    for (var slice = 0u; slice < SLICES; slice++) {
      sum += slices[r / 16 * LANES + slice * 16 + row];
    }
    products[r] = sum;
  }
  workgroupBarrier();
  finish(lane, group.y, group.x * PANELS);
}

fn product(panel: u32, block: u32, row: u32, x: vec4<u32>) -> f32 {
  let w = weights_of(panel, block, row);
  var sum = f32(dot16(w, x)) * scale_of(panel, block, row);
  if (HAS_MINIMUM) {
    sum += f32(dot16(vec4<u32>(0x01010101), x)) * minimum_of(panel, block, row);
  }
  return sum;
}

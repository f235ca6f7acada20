// out[submodel, r] = sum of weights[r, c] * mean[c] over the columns c that a submodel lacks. A workgroup a panel of 16 rows, each
// of which is read in 16 slices.
override BLOCKS: u32;    // of a row: ffn / 16 of the whole model
override OUT_ROWS: u32;

@group(1) @binding(2) var<storage, read> mean: array<vec4<f32>>;   // [BLOCKS * 4]
@group(1) @binding(3) var<uniform> used_blocks: u32;
@group(1) @binding(4) var<storage, read_write> out: array<f32>;    // [submodels, OUT_ROWS]

var<workgroup> slices: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = lane % 16;
  var sum = 0.0;
  for (var block = used_blocks + lane / 16; block < BLOCKS; block += 16) {
    let words = weights_of(group.x, block, row);
    let scale = scale_of(group.x, block, row);
    let minimum = minimum_of(group.x, block, row);
    for (var i = 0u; i < 4; i++) {
      let bytes = (vec4<i32>(bitcast<i32>(words[i])) << vec4<u32>(24, 16, 8, 0)) >> vec4<u32>(24);
      sum += dot(vec4<f32>(bytes) * scale + minimum, mean[block * 4 + i]);
    }
  }
  slices[lane] = sum;
  workgroupBarrier();
  let r = group.x * 16 + row;
  if (lane < 16 && r < OUT_ROWS) {
    var total = 0.0;
    for (var i = 0u; i < 16; i++) {
      total += slices[i * 16 + row];
    }
    out[run.submodel * OUT_ROWS + r] = total;
  }
}

// x[t, :] = embedding[tokens[t], :]. A workgroup a token.
override BLOCKS: u32;  // hidden / 16
override SCALE: f32;

@group(1) @binding(2) var<storage, read> tokens: array<u32>;
@group(1) @binding(3) var<storage, read_write> x: array<vec4<f32>>;  // [count, hidden / 4]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let token = tokens[run.first + group.y];
  for (var block = lane; block < BLOCKS; block += 64) {
    let words = weights_of(token / 16, block, token % 16);
    let scale = scale_of(token / 16, block, token % 16);
    let minimum = minimum_of(token / 16, block, token % 16);
    for (var i = 0u; i < 4; i++) {
      let bytes = (vec4<i32>(bitcast<i32>(words[i])) << vec4<u32>(24, 16, 8, 0)) >> vec4<u32>(24);
      x[(group.y * BLOCKS + block) * 4 + i] = (vec4<f32>(bytes) * scale + minimum) * SCALE;
    }
  }
}

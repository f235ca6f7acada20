// The likeliest of a slice of the logits of one token, and the sum of the slice's odds. A workgroup a slice.
override VOCABULARY: u32;  // tokens that may be chosen
override SLICE: u32;       // logits of a slice

struct Likeliest {
  logit: f32,
  token: u32,
  sum: f32,  // of exp(logit - the largest one)
  unused: u32,
}

@group(1) @binding(0) var<storage, read> logits: array<f32>;                // [vocabulary]
@group(1) @binding(1) var<storage, read_write> slices: array<Likeliest>;    // [slices]

var<workgroup> found: array<Likeliest, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let end = min(VOCABULARY, (group.x + 1) * SLICE);
  var own = Likeliest(-1e30, 0xffffffff, 0, 0);
  for (var token = group.x * SLICE + lane; token < end; token += 64) {
    own = joined(own, Likeliest(logits[token], token, 1, 0));
  }
  found[lane] = own;
  workgroupBarrier();
  if (lane == 0) {
    for (var i = 1u; i < 64; i++) {
      own = joined(own, found[i]);
    }
    slices[group.x] = own;
  }
}

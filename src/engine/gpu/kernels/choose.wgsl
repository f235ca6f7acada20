// The token after this one, in the buffer of tokens and with its probability. One workgroup.
override SLICES: u32;

struct Likeliest {
  logit: f32,
  token: u32,
  sum: f32,  // of exp(logit - the largest one)
  unused: u32,
}

struct Choice {
  token: u32,
  probability: f32,
}

@group(1) @binding(0) var<storage, read> slices: array<Likeliest>;        // [SLICES]
@group(1) @binding(1) var<storage, read_write> tokens: array<u32>;
@group(1) @binding(2) var<storage, read_write> choices: array<Choice>;    // at the place of the token before

var<workgroup> found: array<Likeliest, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = Likeliest(-1e30, 0xffffffff, 0, 0);
  for (var i = lane; i < SLICES; i += 64) {
    own = joined(own, slices[i]);
  }
  found[lane] = own;
  workgroupBarrier();
  if (lane == 0) {
    for (var i = 1u; i < 64; i++) {
      own = joined(own, found[i]);
    }
    tokens[run.first + 1] = own.token;
    choices[run.first] = Choice(own.token, 1 / own.sum);
  }
}

// Queries and keys are normalised and turned by their position (halves convention); keys and values go into the cache as
// float16. A workgroup a head of a token.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32;
override EPS: f32;
override HAS_NORM: bool;

@group(1) @binding(0) var<storage, read_write> qkv: array<f32>;          // [count, HEADS + 2 * KV_HEADS, HEAD_DIM]
@group(1) @binding(1) var<storage, read> norms: array<f32>;              // [2, HEAD_DIM] of queries and of keys
@group(1) @binding(2) var<storage, read> rotations: array<vec2<f32>>;    // [context, HEAD_DIM / 2] cosine and sine
@group(1) @binding(3) var<storage, read_write> keys: array<u32>;         // [positions, KV_HEADS, HEAD_DIM / 2]
@group(1) @binding(4) var<storage, read_write> cached: array<u32>;       // [positions, KV_HEADS, HEAD_DIM / 2] values

const LANES = 64;
var<workgroup> head: array<f32, HEAD_DIM>;
var<workgroup> turned: array<f32, HEAD_DIM>;

const LARGEST_HALF = 65504.0;

// Large numbers become the largest float16; those that are not finite stay so.
fn half_pair(low: f32, high: f32) -> u32 {
  let pair = vec2<f32>(low, high);
  let bounded = clamp(pair, vec2<f32>(-LARGEST_HALF), vec2<f32>(LARGEST_HALF));
  return pack2x16float(select(pair, bounded, vec2<bool>(is_finite(low), is_finite(high))));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, lanes: Lane) {
  let lane = lanes.index;
  let h = group.x;
  let first = (group.y * (HEADS + 2 * KV_HEADS) + h) * HEAD_DIM;
  let position = run.start + group.y;
  let half = HEAD_DIM / 2;
  let is_value = h >= HEADS + KV_HEADS;
  var sum = 0.0;
  for (var i = lane; i < HEAD_DIM; i += LANES) {
    head[i] = qkv[first + i];
    sum += head[i] * head[i];
  }
  let squares = workgroup_sum(lanes, sum);
  if (!is_value) {
    let of_keys = select(0u, HEAD_DIM, h >= HEADS);
    let inverse = 1 / sqrt(squares / f32(HEAD_DIM) + EPS);
    for (var i = lane; i < half; i += LANES) {
      var pair = vec2<f32>(head[i], head[half + i]);
      if (HAS_NORM) {
        pair *= inverse * vec2<f32>(norms[of_keys + i], norms[of_keys + half + i]);
        pair = select(vec2<f32>(squares), pair, is_finite(squares));
      }
      let turn = rotations[position * half + i];
      turned[i] = pair.x * turn.x - pair.y * turn.y;
      turned[half + i] = pair.y * turn.x + pair.x * turn.y;
    }
  }
  workgroupBarrier();
  if (h < HEADS) {
    for (var i = lane; i < HEAD_DIM; i += LANES) {
      qkv[first + i] = turned[i];
    }
  } else if (is_value) {
    let place = (position * KV_HEADS + h - HEADS - KV_HEADS) * half;
    for (var i = lane; i < half; i += LANES) {
      cached[place + i] = half_pair(head[2 * i], head[2 * i + 1]);
    }
  } else {
    let place = (position * KV_HEADS + h - HEADS) * half;
    for (var i = lane; i < half; i += LANES) {
      keys[place + i] = half_pair(turned[2 * i], turned[2 * i + 1]);
    }
  }
}

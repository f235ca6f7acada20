// out[t, h, :] ~ softmax(q . keys * SCALE) . values in int8, over the positions up to the token's own. A workgroup a head of
// a token. It passes over the positions in tiles and keeps the running maximum, sum and weighted values (online softmax).
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32;  // a multiple of 16, at most 256
override SCALE: f32;

@group(1) @binding(0) var<storage, read> qkv: array<f32>;                // [count, HEADS + 2 * KV_HEADS, HEAD_DIM]
@group(1) @binding(1) var<storage, read> keys: array<u32>;               // [positions, KV_HEADS, HEAD_DIM / 2]
@group(1) @binding(2) var<storage, read> cached: array<u32>;             // [positions, KV_HEADS, HEAD_DIM / 2] values
@group(1) @binding(3) var<storage, read_write> out: array<vec4<u32>>;    // [count, HEADS, HEAD_DIM / 16]
@group(1) @binding(4) var<storage, read_write> out_scales: array<f32>;   // [count, HEADS, HEAD_DIM / 16]

const LANES = 128;
override PAIRS = HEAD_DIM / 2;
override SHARES = LANES / PAIRS;  // a tile's positions are shared among this many invocations for each pair of values

var<workgroup> query: array<vec2<f32>, PAIRS>;
var<workgroup> odds: array<f32, LANES>;
var<workgroup> parts: array<vec2<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, lanes: Lane) {
  let lane = lanes.index;
  let h = group.x;
  let kv = h / (HEADS / KV_HEADS);
  let first = (group.y * (HEADS + 2 * KV_HEADS) + h) * HEAD_DIM;
  let visible = run.start + group.y + 1;
  if (lane < PAIRS) {
    query[lane] = vec2<f32>(qkv[first + 2 * lane], qkv[first + 2 * lane + 1]) * SCALE;
  }
  workgroupBarrier();
  let pair = lane % PAIRS;
  let share = lane / PAIRS;
  var largest = -1e30;
  var sum = 0.0;
  var weighted = vec2<f32>();
  for (var tile = 0u; tile < visible; tile += LANES) {
    var score = -1e30;
    if (tile + lane < visible) {
      let place = ((tile + lane) * KV_HEADS + kv) * PAIRS;
      score = 0;
      for (var i = 0u; i < PAIRS; i++) {
        score += dot(query[i], unpack2x16float(keys[place + i]));
      }
    }
    let now = max(largest, workgroup_max(lanes, score));
    let own = select(0, exp(score - now), tile + lane < visible);
    odds[lane] = own;
    let tile_sum = workgroup_sum(lanes, own);
    let shrink = exp(largest - now);
    largest = now;
    sum = sum * shrink + tile_sum;
    weighted *= shrink;
    if (share < SHARES) {
      for (var i = share; i < min(LANES, visible - tile); i += SHARES) {
        weighted += odds[i] * unpack2x16float(cached[((tile + i) * KV_HEADS + kv) * PAIRS + pair]);
      }
    }
  }
  parts[lane] = weighted;
  workgroupBarrier();
  if (lane < PAIRS) {
    for (var i = 1u; i < SHARES; i++) {
      weighted += parts[i * PAIRS + lane];
    }
    parts[lane] = weighted / sum;
  }
  workgroupBarrier();
  if (lane < HEAD_DIM / 16) {
    var block: array<vec4<f32>, 4>;
    for (var i = 0u; i < 4; i++) {
      block[i] = vec4<f32>(parts[lane * 8 + 2 * i], parts[lane * 8 + 2 * i + 1]);
    }
    let quantised = quantise(block);
    let place = (group.y * HEADS + h) * (HEAD_DIM / 16) + lane;
    out[place] = quantised.values;
    out_scales[place] = quantised.scale;
  }
}

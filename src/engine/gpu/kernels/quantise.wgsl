// Activations in int8 with a scale for each block of 16.
struct Block {
  values: vec4<u32>,  // 16 int8, four in a word
  scale: f32,
}

// A largest magnitude below this would give a scale whose inverse may overflow. As kLeastQuantised in native/src/kernels.h.
const LEAST_QUANTISED = 1e-30;

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn pack4(x: vec4<f32>) -> u32 {
  let bytes = vec4<u32>(vec4<i32>(round(x))) & vec4<u32>(0xff);
  return bytes.x | (bytes.y << 8) | (bytes.z << 16) | (bytes.w << 24);
}

// A block with a value that is not finite has a scale that is not, so that the fault reaches the logits.
fn quantise(x: array<vec4<f32>, 4>) -> Block {
  let squares = dot(x[0], x[0]) + dot(x[1], x[1]) + dot(x[2], x[2]) + dot(x[3], x[3]);
  if (!is_finite(squares)) {
    return Block(vec4<u32>(), squares);
  }
  let four = max(max(abs(x[0]), abs(x[1])), max(abs(x[2]), abs(x[3])));
  let largest = max(max(four.x, four.y), max(four.z, four.w));
  if (largest < LEAST_QUANTISED) {
    return Block(vec4<u32>(), 0);
  }
  let inverse = 127 / largest;
  return Block(
    vec4<u32>(pack4(x[0] * inverse), pack4(x[1] * inverse), pack4(x[2] * inverse), pack4(x[3] * inverse)),
    largest / 127,
  );
}

// The product of 16 pairs of int8, four in a word, for implementations without packed_4x8_integer_dot_product.
fn bytes_of(word: u32) -> vec4<i32> {
  return (vec4<i32>(bitcast<i32>(word)) << vec4<u32>(24, 16, 8, 0)) >> vec4<u32>(24);
}

fn dot4(a: u32, b: u32) -> i32 {
  let products = bytes_of(a) * bytes_of(b);
  return products.x + products.y + products.z + products.w;
}

fn dot16(a: vec4<u32>, b: vec4<u32>) -> i32 {
  return dot4(a.x, b.x) + dot4(a.y, b.y) + dot4(a.z, b.z) + dot4(a.w, b.w);
}

// The tokens of one step: a chunk of a prompt, a draft that is verified, or one token that is decoded.
struct Pass {
  start: u32,      // position of the first token
  count: u32,      // tokens
  first: u32,      // place of the first token in the buffer of tokens
  head_row: u32,   // the first token whose logits are wanted
  submodel: u32,   // the place of its compensation
}

@group(0) @binding(0) var<uniform> run: Pass;

// The likeliest of two sets of tokens; the first of two that are equally likely. A logit that is not a number makes the sum
// one that is not either.
fn joined(a: Likeliest, b: Likeliest) -> Likeliest {
  let is_first = a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
  let logit = max(a.logit, b.logit);
  let sum = a.sum * exp(a.logit - logit) + b.sum * exp(b.logit - logit);
  return Likeliest(logit, select(b.token, a.token, is_first), sum, 0);
}

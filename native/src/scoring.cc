// Requests that report on a given text and decode nothing. How probable it is: for measuring prompts, models and the
// gate of the memory on the user's own files. What the hidden units do in it: for making a model elastic.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "decoding.h"
#include "elementary.h"
#include "memory/matches.h"

namespace matcoder {

void Decoder::add_text(const Request& request, int begin, int end, std::vector<int32_t>& text) const {
  std::copy_if(request.tokens.begin() + begin, request.tokens.begin() + end, std::back_inserter(text),
               [&](int32_t token) { return !token_bytes_.is_special(token); });
}

// The prompt's text with the text before the cursor at its end, which the answer continues.
std::vector<int32_t> Decoder::text_of(const Request& request, int end) const {
  std::vector<int32_t> text;
  add_text(request, request.suffix_begin, request.suffix_end, text);
  add_text(request, 0, request.suffix_begin, text);
  add_text(request, request.suffix_end, end, text);
  return text;
}

// Reads the tokens and computes no more of the head's output than what is reported: a score of each token from
// `scored_from` on. The last token is not read. An aborted request keeps the chunks that were read.
Event Decoder::score(Request& request) {
  const int first = request.scored_from, total = static_cast<int>(request.tokens.size());
  const int vocabulary = model_->config.padded_vocabulary();
  cache_->truncate(std::min(cache_->reusable(request.tokens, layer_mask(request.widths)), first - 1));
  Matcher matcher(request.uses_memory ? memory_for(request)->view(request.place) : MemoryView());
  std::vector<int32_t> text = text_of(request, first);
  Event scores;
  scores.kind = Event::kScores;
  for (int done = static_cast<int>(cache_->tokens.size()); done < total - 1;) {
    const int count = std::min(kPrefillChunk, total - 1 - done);
    if (!run_forward(request, request.widths, request.tokens.data() + done, count)) return end_event("aborted");
    // The row that follows token t says how probable token t + 1 is.
    for (int t = std::max(done, first - 1); t < done + count;) {
      const int rows = std::min(kMaxLogitRows, done + count - t);
      lm_head(*model_, kernels_, t - done, rows, scratch_, pool_);
      for (int i = 0; i < rows; i++, t++) {
        const int32_t token = request.tokens[t + 1];
        ModelPrediction model{logits_of(scratch_, i)};
        model.token = kernels_.most_likely(model.logits, vocabulary, &model.probability);
        check_finite(*model_, model.probability, "the logits");
        scores.scores.push_back(std::log(model.probability) + (model.logits[token] - model.logits[model.token]));
        if (request.uses_memory) add_match_scores(matcher.look_up(text), model, token, scores.scores);
        if (!token_bytes_.is_special(token)) text.push_back(token);
      }
    }
    done += count;
  }
  cache_->last_sequence.clear();
  request.on_event(std::move(scores));
  return end_event("stop");
}

// By component, the share of its matches after which the token came, or -1 if there is no match; then the gate's
// inputs.
void Decoder::add_match_scores(const Components& components, const ModelPrediction& model, int32_t token,
                               std::vector<float>& out) {
  for (const Component& component : components) {
    float share = component.length > 0 ? 0 : -1;
    if (component.length > 0)
      for (const Continuation& next : component.continuations)
        if (next.token == token) share = next.share;
    out.push_back(share);
  }
  const auto inputs = gate_inputs(components, model);
  out.insert(out.end(), inputs.begin(), inputs.end());
}

// Reads all tokens from the first on, because those in the cache have no activations any more.
Event Decoder::gather_activations(Request& request) {
  const Config& c = model_->config;
  const int total = static_cast<int>(request.tokens.size());
  cache_->truncate(0);
  cache_->last_sequence.clear();
  Event event;
  event.kind = Event::kActivations;
  UnitActivations& sums = event.activations;
  sums.mean.resize(static_cast<size_t>(c.layers) * c.ffn);
  sums.square.resize(sums.mean.size());
  for (int done = 0; done < total; done += kPrefillChunk)
    if (!forward(*model_, kernels_, compensation_, request.widths, request.tokens.data() + done,
                 std::min(kPrefillChunk, total - done), *cache_, scratch_, pool_, request.aborted, &sums))
      return end_event("aborted");
  for (auto* of_units : {&sums.mean, &sums.square})
    for (double& sum : *of_units) sum /= total;
  request.on_event(std::move(event));
  return end_event("stop");
}

}  // namespace matcoder

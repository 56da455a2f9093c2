#include "report/page/terms.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "report/page/html.h"

namespace superpose::report {
namespace {

struct Term {
  const char* name;
  std::array<const char*, 3> words;  // any of which calls for it, in lower case
  const char* meaning;
};

constexpr std::array kTerms = {
    Term{"arm",
         {"arm", "arms", nullptr},
         "one of the settings that are compared, trained once with each seed"},
    Term{"seed",
         {"seed", "seeds", nullptr},
         "the number that the initial weights and the order of the data are drawn from"},
    Term{
        "budget",
        {"budget", "budgets", nullptr},
        "the length of a run as a share of the recipe's steps; budget 0.5 is half of the steps and "
        "half of the compute"},
    Term{"position",
         {"position", "positions", nullptr},
         "one place of the model's input, whether it holds a token or the mean of a bag; the "
         "compute of a run is in proportion to its positions"},
    Term{"raw tokens",
         {"raw token", "raw tokens", "raw text"},
         "the tokens read from the text; a bag of four is one position and four raw tokens"},
    Term{"bag",
         {"bag", "bags", "superposed"},
         "neighbouring tokens whose embeddings are averaged into one position; the model predicts "
         "all tokens of the next bag at once"},
    Term{"switch",
         {"switch", nullptr, nullptr},
         "the step at which training turns from bags to single tokens"},
    Term{"half A, half B",
         {"half a", "half b", "both halves"},
         "the held-out documents, divided in two; learning rates are chosen on half A and results "
         "quoted on half B, on which nothing was chosen"},
    Term{"nats per token",
         {"nats", nullptr, nullptr},
         "the unit of the loss: minus the mean natural logarithm of the probability that the model "
         "gave to the right token"},
    Term{"FLOPs",
         {"flop", "flops", "pflop"},
         "floating-point operations of the forward and backward pass; the measure of compute"},
    Term{"copying",
         {"copying", nullptr, nullptr},
         "a test in which the second half of a sequence repeats the first: how much lower the loss "
         "is there, from 0 (not at all) down"},
};

// What a reader sees, in lower case, without commands and recipes.
std::string text_of(std::string_view html) {
  std::string text;
  bool is_tag = false;
  for (std::size_t i = 0; i < html.size(); ++i) {
    if (html.substr(i).starts_with("<pre>")) i = std::min(html.find("</pre>", i), html.size() - 1);
    const char c = html[i];
    if (c == '<') is_tag = true;
    text.push_back(is_tag ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (c == '>') is_tag = false;
  }
  return text;
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_inside = [&](std::size_t at) {  // of a longer word, or of a name with dashes
    if (at >= text.size()) return false;
    const char c = text[at];
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    if ((at == 0 || !is_inside(at - 1)) && !is_inside(at + word.size())) return true;
  }
  return false;
}

}  // namespace

std::string explain_terms(std::string_view html, std::set<std::string>& told) {
  const std::string text = text_of(html);
  std::string list;
  for (const Term& term : kTerms) {
    const bool is_used = std::any_of(term.words.begin(), term.words.end(), [&](const char* word) {
      return word != nullptr && has_word(text, word);
    });
    if (!is_used || !told.insert(term.name).second) continue;
    list += "<div><dt>" + escape_html(term.name) + "</dt><dd>" + escape_html(term.meaning) +
            "</dd></div>\n";
  }
  return list.empty() ? "" : "<dl class=\"terms\">\n" + list + "</dl>\n";
}

}  // namespace superpose::report

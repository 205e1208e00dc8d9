import Foundation
import Testing

/// A command line that must fail.
struct BadInput: CustomTestStringConvertible {
  let words: [String]
  let status: Int32
  let message: String
  var input: [UInt8] = []

  var testDescription: String { words.joined(separator: " ") }

  /// A command line that is not understood.
  static func usage(_ line: String, _ message: String) -> BadInput {
    BadInput(words: words(line), status: 2, message: message)
  }

  /// A command that fails.
  static func failure(_ line: String, _ message: String, input: [UInt8] = []) -> BadInput {
    BadInput(words: words(line), status: 1, message: message, input: input)
  }

  private static func words(_ line: String) -> [String] {
    line.split(separator: " ").map { $0 == "''" ? "" : String($0) }
  }
}

@Suite("Bad input")
struct BadInputTests {
  static let usage: [BadInput] = [
    .usage("compair", "there is no command 'compair' (did you mean 'compare'?)"),
    .usage("help trase", "did you mean 'trace'?"),
    .usage("--version now", "unexpected argument 'now'"),
    .usage("compare --budgte 3", "did you mean '--budget'?"),
    .usage("compare --xyz 3", "there is no option '--xyz'\nsee 'kvpolicy compare --help'"),
    .usage("frobnicate", "there is no command 'frobnicate'; there are tasks, "),
    .usage("completions", "a shell is missing; name one of bash, zsh, fish"),
    .usage("completions csh", "there is no script for the shell 'csh'; there are bash, zsh, fish"),
    .usage("tasks --wide=yes", "--wide takes no value"),
    .usage("bench --floor --wide --steps 3", "--floor and --steps exclude each other"),
    .usage("compare --model", "--model needs a value"),
    .usage("compare --model ''", "--model needs a value"),
    .usage("compare extra", "unexpected argument 'extra'"),
    .usage("compare --model @/bytes --budget 0", "--budget cannot be '0'"),
    .usage("compare --model @/bytes --budget -3", "--budget cannot be '-3'"),
    .usage("compare --model @/bytes --prompt-tokens 9223372036854775808", "a whole number from 1"),
    .usage("compare --model @/bytes --decode-tokens many", "--decode-tokens cannot be 'many'"),
    .usage("compare --model @/bytes --chunk 0", "--chunk cannot be '0'"),
    .usage("compare --model @/bytes --threads 1e3", "--threads cannot be '1e3'"),
    .usage("compare --model @/bytes --rows f8", "it must be one of f32, f16, q8_0"),
    .usage("compare --model @/bytes --page-rows 12", "it must be 4, 8, 16, 32 or 64"),
    .usage("compare --model @/bytes --policies full,h20", "did you mean 'h2o'?"),
    .usage("compare --model @/bytes --policies h2o,h2o", "names 'h2o' twice"),
    .usage("compare --model @/bytes --policies h2o,,full", "has an empty name"),
    .usage("compare --model @/bytes --policies snapkv --budget 1", "too small"),
    .usage("compare --model @/bytes --json a --json b", "--json is given twice"),
    .usage("compare --model @/bytes --text - --config -", "only one file can be read from"),
    .usage("compare --model @/bytes --json @/out.json --csv=@/out.json", "are the same file"),
    .usage("compare --model @/bytes --json - --csv -", "are the same file"),
    .usage("compare --model @/bytes --text @/t.txt --json @/./t.txt", "is an input"),
    .usage("tasks --policies morphkv-max", "there is no policy 'morphkv-max'"),
    .usage(
      "tasks --policies streamingllm --budget 1/1024",
      "no room beside 4 sinks (--budget 1/1024 of a document of 2048 tokens)"),
    .usage("train", "a recipe is missing"),
    .usage("train @/recipe.json", "--out is missing"),
    .usage("train @/recipe.json @/more.json", "unexpected argument"),
    .usage("train @/recipe.json --out @/run --stop-after 0", "--stop-after cannot be '0'"),
    .usage("bench --model @/plain --policies nope", "there is no policy 'nope'"),
    .usage("bench --model @/plain --policies h2o,h2o", "names 'h2o' twice"),
    .usage("bench --model @/plain --policies h2o,", "has an empty name"),
    .usage("generate --model @/bytes --policy full --budget 9", "full: it takes no budget"),
    .usage("bench --model @/plain --budget 0", "--budget cannot be '0'"),
    .usage("bench --model @/plain --budget 1MB", "--budget cannot be '1MB'; a budget is"),
    .usage("capacity --model @/plain --budget 0KiB", "a budget in bytes is from 1B to"),
    .usage("compare --model @/bytes --budget 1B", "a budget of 1 bytes is too small for"),
    .usage("compare --model @/bytes --budget 99999999999GiB", "a budget in bytes is from 1B to"),
    .usage(
      "generate --model @/bytes --prompt x --policy h2o --budget 1KiB",
      "h2o: a budget of 1024 bytes is too small for"),
    .usage("compare --policies all,h2o", "'all' names every policy; leave the other names out"),
    .usage("bench --model @/plain --prefill 0", "whole numbers from 1 to"),
    .usage("bench --model @/plain --prefill -1", "--prefill cannot be '-1'"),
    .usage("bench --model @/plain --prefill ''", "--prefill needs a value"),
    .usage("bench --model @/plain --prefill 8,8", "--prefill names 8 twice"),
    .usage("bench --model @/plain --decode -1", "whole numbers from 0 to"),
    .usage("bench --model @/plain --decode 1,,2", "--decode cannot be '1,,2'"),
    .usage("bench --model @/plain --decode 99999999999999999999", "--decode cannot be"),
    .usage("bench --model @/plain --decode none --prefill none", "are both 'none'"),
    .usage("bench --model @/plain --batch 0", "whole numbers from 1 to 1024"),
    .usage("bench --model @/plain --batch 2,-1", "--batch cannot be '2,-1'"),
    .usage("bench --model @/plain --batch many", "--batch cannot be 'many'"),
    .usage("bench --model @/plain --batch 2 --decode none", "--batch has no effect"),
    .usage("capacity --model @/plain --pool-bytes 0", "--pool-bytes cannot be '0'"),
    .usage("capacity --model @/plain --pool-bytes 64M", "a whole number from 1 to"),
    .usage("capacity --model @/plain --generate -4", "--generate cannot be '-4'"),
    .usage("capacity --model @/plain --measure 0", "--measure cannot be '0'"),
    .usage("capacity --model @/plain --most 65537", "--most cannot be '65537'"),
    .usage("capacity --model @/plain --prompt-tokens 1.5", "--prompt-tokens cannot be"),
    .usage("capacity --model @/plain --json - --csv -", "are the same file"),
    .usage("bench --model @/plain --steps 0", "--steps cannot be '0'"),
    .usage("bench --model @/plain --repeats 0", "--repeats cannot be '0'"),
    .usage("bench --model @/plain --rows f8", "it must be one of f32, f16, q8_0"),
    .usage("bench --model @/plain --arithmetic int", "it must be one of exact, integer"),
    .usage("bench --model @/plain --compare - --config -", "only one file can be read from"),
    .usage("bench --model @/plain --compare @/old.json --json -", "--compare has no effect"),
    .usage("bench --model @/plain --compare @/old.json --json @/old.json", "is an input"),
    .usage("bench --model @/plain --json - --csv -", "are the same file"),
    .usage("bench --floor --model @/plain", "--floor and --model exclude each other"),
    .usage("bench --floor --compare @/old.json", "--floor and --compare exclude each other"),
    .usage("generate --model @/bytes", "--prompt is missing"),
    .usage("generate --model @/bytes --prompt x --max-tokens 0", "--max-tokens cannot be '0'"),
    .usage("generate --model @/bytes --prompt x --temperature -1", "--temperature cannot be '-1'"),
    .usage(
      "generate --model @/bytes --prompt x --temperature nan", "--temperature cannot be 'nan'"),
    .usage("generate --model @/bytes --prompt x --top-p 0", "--top-p cannot be '0'"),
    .usage("generate --model @/bytes --prompt x --min-p 2", "--min-p cannot be '2'"),
    .usage("generate --model @/bytes --prompt x --top-k 0", "--top-k cannot be '0'"),
    .usage("generate --model @/bytes --prompt x --budget 9", "no effect without --policy"),
    .usage("generate --model @/bytes --prompt x --special maybe", "it must be one of yes, no"),
    .usage("generate --model @/bytes --prompt x --special no --chat", "exclude each other"),
    .usage("compare --model @/bytes --special yes", "no effect without --text"),
    .usage("generate --model @/bytes --prompt x --system y", "no effect without --chat"),
    .usage("generate --model @/bytes --prompt x --policy h2o --config f", "exclude each other"),
    .usage("generate --model @/bytes --prompt x --policy nope", "there is no policy 'nope'"),
    .usage("trace --model @/plain --tokens @/tokens.json --json @/o", "--prompt-length is missing"),
    .usage("trace --case @/c.json --model @/plain --json @/o", "exclude each other"),
    .usage("trace --root x --model @/plain --json @/o", "no effect without --case"),
    .usage(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 9 --config @/tova.json",
      "--json is missing"),
    .usage(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 0 --config @/tova.json --json o",
      "--prompt-length cannot be '0'"),
    .usage("tokenize --model @/bytes --special maybe", "it must be one of yes, no"),
    .usage("policies nope", "there is no policy 'nope'"),
    .usage("policies h2o tova", "unexpected argument 'tova'"),
    .usage("tasks --shares 4", "there is no option '--shares'"),
    .usage("tasks --budget 0", "--budget cannot be '0'; a budget is a number of rows"),
    .usage("tasks --budget 1/0", "--budget cannot be '1/0'"),
    .usage("tasks --budget 5/4", "a share of the tokens is at most 1"),
    .usage("tasks --budget 64,,32", "has an empty budget"),
    .usage("tasks --budget 64,64", "names '64' twice"),
    .usage("tasks --budget 1/4,512", "names 512 rows twice, as '1/4' and as '512'"),
    .usage("tasks --budget 1/4096", "of a document of 2048 tokens is less than a row"),
    .usage(
      "tasks --policies streamingllm --budget 4", "a budget of 4 has no room beside 4 sinks\n"),
    .usage("tasks --seed -1", "--seed cannot be '-1'; it must be a whole number from 0 to 65535"),
    .usage("tasks --seed 65536", "--seed cannot be '65536'"),
    .usage("tasks --config - --config -", "only one file can be read from standard input"),
    .usage("tasks --config @/tova.json --json @/./tova.json", "is an input"),
    .usage("tasks --config @/tova.json --html @/tova.json", "is an input"),
    .usage("tasks --tokens 5", "it must be a whole number from 96"),
    .usage("tasks --documents 0", "--documents cannot be '0'"),
    .usage("tasks --policies morphkv-min", "there is no policy 'morphkv-min'"),
    .usage("tasks --policies h2o,h2o", "names 'h2o' twice"),
    .usage("tasks --rows f8", "it must be one of f32, f16, q8_0"),
    .usage("tasks --threads 0", "--threads cannot be '0'"),
    .usage("tasks --chunk 0", "--chunk cannot be '0'"),
    .usage("tasks --html a --no-html", "exclude each other"),
    .usage("tasks --html @/o --json @/o", "--json and --html are the same file"),
    .usage("tasks --html - --csv -", "--csv and --html are the same file"),
    .usage("tasks --model @/t.txt --html @/t.txt", "is an input"),
    .usage("--prompt-tokens 40", "there is no option '--prompt-tokens'"),
  ]

  static let failures: [BadInput] = [
    .failure("train @/missing.json --out @/run", "cannot read"),
    .failure("train - --out @/run", "standard input: recipe: "),
    .failure("train @/tokens.json --out @/run", "'recipe' is [0,1,2"),
    .failure("tasks --model @/none", "none"),
    .failure(
      "tasks --model @/bytes", "does not speak the language of the tasks: it has 257 tokens"),
    .failure("tasks --config @/none.json", "No such file"),
    .failure("tasks --config @/t.txt", "t.txt: not a policy configuration"),
    .failure("tasks --config @/typo.json", "typo.json: tova has no setting 'capasity'"),
    .failure("tasks --config -", "standard input: not a policy configuration"),
    .failure("tasks --tokens 1048576", "longer than the model's context"),
    .failure("tasks --html @/no/where.html", "cannot write"),
    .failure("tasks --html @/plain", "Is a directory"),
    .failure("tasks --json @/no/where.json", "cannot write"),
    .failure("inspect --model @/none", "none"),
    .failure("capacity --model @/plain --pool-bytes 100", "does not hold one page"),
    .failure("inspect --model @/poisoned", "model.norm.weight"),
    .failure("compare --model @/plain", "tokenizer"),
    .failure("compare --model @/bytes --text @/t.txt", "the text has 5 tokens"),
    .failure("bench --model @/plain --rows q8_0", "a head dimension that is a multiple of 32"),
    .failure("generate --model @/bytes --prompt x --rows q8_0", "use f16 or f32"),
    .failure("compare --model @/bytes", "more than the model's context of 160"),
    .failure("compare --model @/bytes --text @/none.txt", "No such file"),
    .failure("compare --model @/bytes --text @/bytes", "Is a directory"),
    .failure("compare --model @/bytes --text -", "is not UTF-8", input: [0xFF, 0xFE]),
    .failure("compare --model @/bytes --config @/t.txt", "not a policy configuration"),
    .failure("compare --model @/bytes --config @/typo.json", "did you mean 'capacity'?"),
    .failure("compare --model @/none --json @/no/where.json", "cannot write"),
    .failure("compare --model @/none --csv @/plain", "Is a directory"),
    .failure("bench --model @/none", "none"),
    .failure("bench --model @/plain --compare @/none.json", "No such file"),
    .failure("bench --model @/plain --compare @/t.txt", "not a report of 'kvpolicy bench'"),
    .failure("bench --model @/plain --compare @/tova.json", "not a report of"),
    .failure("bench --model @/plain --compare -", "standard input: it is not a report"),
    .failure("bench --model @/plain --config @/typo.json", "did you mean 'capacity'?"),
    .failure("bench --model @/plain --json @/no/where.json", "cannot write"),
    .failure("bench --model @/plain --steps 16777216 --repeats 65536", "do not fit"),
    .failure("generate --model @/bytes --prompt ''", "the prompt is empty"),
    .failure("generate --model @/bytes --prompt -", "the prompt is empty", input: [10]),
    .failure("generate --model @/bytes --prompt -", "is not UTF-8", input: [0xC3]),
    .failure(
      "generate --model @/bytes --prompt -", "the model's context is 160",
      input: Array(repeating: 65, count: 161)),
    .failure("generate --model @/bytes --prompt x --chat", "no chat template"),
    .failure("generate --model @/plain --prompt x", "tokenizer"),
    .failure(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 49 --config @/tova.json --json @/o",
      "does not fit a text of 48"),
    .failure(
      "trace --model @/plain --tokens @/tova.json --prompt-length 9 --config @/tova.json --json @/o",
      "array of tokens"),
    .failure(
      "trace --model @/plain --tokens - --prompt-length 1 --config @/tova.json --json @/o",
      "token 64 is not in the vocabulary, at index 2 of 3 tokens; tokens are 0 to 63",
      input: Array("[1, 63, 64]".utf8)),
    .failure(
      "trace --model @/plain --tokens - --prompt-length 1 --config @/tova.json --logits @/o",
      "token -1 is not in the vocabulary, at index 1 of 2", input: Array("[0, -1]".utf8)),
    .failure(
      "trace --model @/plain --tokens - --prompt-length 1 --config @/tova.json --json @/o",
      "array of tokens", input: Array("[1.5]".utf8)),
    .failure(
      "trace --model @/plain --tokens - --prompt-length 1 --config @/tova.json --json @/o",
      "there are no tokens", input: Array("[]".utf8)),
    .failure(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 9 --config @/wide.json --json @/o",
      "choose a smaller window or fewer voters"),
    .failure(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 9 --config @/many.json --json @/o",
      "raise the limit"),
    .failure(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 9 --config @/tova.json --json @/new/",
      "Is a directory"),
    .failure(
      "trace --case - --root @/ --json @/o", "161 tokens are more than the model's context of 160",
      input: Array(#"{"model": "plain", "tokens": \#(Array(repeating: 1, count: 161))}"#.utf8)),
    .failure(
      "trace --model @/plain --tokens @/tokens.json --prompt-length 9 --config @/typo.json --json @/o",
      "did you mean 'capacity'?"),
    .failure("trace --case @/none.json --json @/o", "No such file"),
    .failure("trace --case @/null.json --root @/ --json @/o", "it has no \"config\" to run"),
    .failure("trace --case @/long.json --root @/ --json @/o", "\"prompt_length\" must be"),
    .failure("trace --case - --json @/o", "a case must be a JSON object", input: Array("[]".utf8)),
    .failure("trace --case - --json @/o", "not valid JSON", input: Array("{".utf8)),
    .failure("trace --case - --json @/o", "\"model\" must be", input: Array("{}".utf8)),
    .failure("tokenize --model @/bytes", "line 1: it is not JSON", input: Array("text\n".utf8)),
    .failure(
      "tokenize --model @/bytes", "line 1: it is not JSON: column 5: something follows",
      input: Array(#""a" "b""#.utf8)),
    .failure("tokenize --model @/bytes", "line 1: it is not UTF-8", input: [34, 0xFF, 34]),
    .failure(
      "tokenize --model @/bytes", "line 1: it must be a JSON string", input: Array("[1]".utf8)),
    .failure(
      "tokenize --model @/bytes --decode", "line 1: token 257 is not in the vocabulary",
      input: Array("[257]".utf8)),
    .failure(
      "tokenize --model @/bytes --decode", "array of whole numbers", input: Array("[1e300]".utf8)),
  ]

  /// Every command that reads JSON, without the mistake in its input.
  static let readers = [
    "compare --model @/bytes --config -", "bench --model @/plain --config -", "tasks --config -",
    "capacity --model @/plain --config -", "generate --model @/bytes --prompt x --config -",
    "bench --model @/plain --compare -", "train - --out @/run", "trace --case - --json @/o",
    "trace --model @/plain --tokens - --prompt-length 1 --config @/tova.json --json @/o",
    "trace --model @/plain --tokens @/tokens.json --prompt-length 1 --config - --json @/o",
  ]

  /// Mistakes in JSON, and their messages.
  static let mistakes: [(text: String, message: String)] = [
    ("{\"a\": 1,\n \"a\": 2}", "line 2, column 2: the key 'a' appears twice"),
    ("{\"a\": 1,\n}", "line 2, column 1: an object needs a key in quotes"),
    ("{\"a\": 01}", "line 1, column 7: no digit may follow a leading zero"),
    ("\u{FEFF}{}", "line 1, column 1: the text begins with a byte order mark"),
    ("{\"a\": NaN}", "line 1, column 7: a value cannot begin with 'N'"),
    ("{} {}", "line 1, column 4: something follows the JSON value"),
    (#"{"a": "\ud800"}"#, "line 1, column 8: half a surrogate pair"),
    (String(repeating: "[", count: 100_000), "line 1, column 66: lists and objects nest deeper"),
  ]

  private func check(_ bad: BadInput) throws {
    let workshop = try Workshop()
    try workshop.write("t.txt", "Hello")
    try workshop.write("old.json", "{}")
    try workshop.write("typo.json", #"{"policy": "tova", "capasity": 8}"#)
    try workshop.write(
      "wide.json",
      #"{"policy": "morphkv", "votes": "exact", "window": 1073741823, "capacity": 1073741824}"#)
    try workshop.write("many.json", #"{"policy": "morphkv", "voters": 1073741824, "block": 1}"#)
    let tokens = #""model": "plain", "tokens": [1, 2, 3]"#
    try workshop.write("null.json", "{\(tokens), \"prompt_length\": 2, \"config\": null}")
    try workshop.write("long.json", "{\(tokens), \"prompt_length\": 4, \"config\": null}")
    if bad.words.contains("@/poisoned") {
      try TinyModel.write(at: workshop.folder + "/poisoned", poison: true)
    }
    let before = workshop.names
    let outcome = workshop.run(bad.words, input: bad.input)
    #expect(outcome.status == bad.status, "\(outcome.errors)")
    #expect(outcome.errors.contains(bad.message), "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("kvpolicy: "))
    #expect(outcome.output.isEmpty)
    #expect(workshop.names == before, "an output file was left behind")
    #expect(try workshop.read("t.txt") == "Hello")
  }

  @Test("what is not understood ends with status 2 and says why", arguments: usage)
  func usageErrors(_ bad: BadInput) throws { try check(bad) }

  @Test("a mistake in JSON is named with line and column by every command", arguments: readers)
  func mistakes(_ reader: String) throws {
    for (text, message) in Self.mistakes {
      try check(.failure(reader, message, input: Array(text.utf8)))
    }
    try check(.failure(reader, "is not UTF-8 text (line 2, column 2)", input: [91, 10, 32, 0xFF]))
  }

  @Test("what cannot be done ends with status 1 and says why", arguments: failures)
  func failingCommands(_ bad: BadInput) throws { try check(bad) }
}

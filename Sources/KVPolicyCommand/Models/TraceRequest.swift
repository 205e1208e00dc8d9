import Evaluation
import KVPolicyKit

/// A model, tokens and a configuration to trace.
struct TraceRequest {
  let model: ModelAtHand
  let tokens: [Int]
  /// The number of tokens in the prompt; nil to read all tokens at once and record the vocabulary
  /// logits of every token.
  let promptLength: Int?
  var configuration: PolicyConfiguration

  init(
    model: ModelAtHand, tokens: [Int], promptLength: Int?, configuration: PolicyConfiguration
  ) {
    self.model = model
    self.tokens = tokens
    self.promptLength = promptLength
    self.configuration = configuration
  }

  /// Reads a case: `model` (a path below `root`), `tokens`, `prompt_length` and `config`; other
  /// members are ignored. A case without `policy`, `prompt_length` and `config` tests the model
  /// alone: it runs under full attention.
  init(case file: InputFile, root: String) throws(CommandError) {
    func failure(_ reason: String) -> CommandError { .failure("\(file.path): \(reason)") }
    guard case .object(let members) = try TokenList.json(of: file) else {
      throw failure("a case must be a JSON object")
    }
    guard case .string(let name)? = members["model"], !name.isEmpty else {
      throw failure("\"model\" must be the path of a model, below the folder of --root")
    }
    guard let tokens = TokenList.tokens(members["tokens"]) else {
      throw failure("\"tokens\" must be an array of whole numbers")
    }
    model = .file("\(root)/\(name)")
    self.tokens = tokens
    guard !Set(members.keys).isDisjoint(with: ["policy", "prompt_length", "config"]) else {
      promptLength = nil
      configuration = Comparison.reference
      return
    }
    guard let length = members["prompt_length"]?.wholeNumber, length > 0, length <= tokens.count
    else {
      throw failure("\"prompt_length\" must be a whole number from 1 to the \(tokens.count) tokens")
    }
    promptLength = length
    guard let config = members["config"], config != .null else {
      throw failure("it has no \"config\" to run; it documents something else")
    }
    do {
      configuration = try PolicyConfiguration(config)
    } catch {
      throw failure("\(error)")
    }
  }
}

import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// The page that `inspect` prints about a model.
struct ModelPage {
  private let name: String
  private let files: ModelFiles
  private let tokenizer: Result<Tokenizer, ModelError>

  init(_ files: ModelFiles, name: String) {
    self.name = name
    self.files = files
    tokenizer = Result { () throws(ModelError) in try files.tokenizer() }
  }

  /// The page for people.
  var text: String {
    let facts = TerminalText.list([("model", name)] + facts)
    var types = TextTable([
      .init("type", .left), .init("tensors"), .init("elements"), .init("bytes"),
    ])
    for total in totals {
      types.add([
        total.type.rawValue, "\(total.tensors)", "\(total.elements)",
        Quantities.bytes(total.bytes),
      ])
    }
    return facts + "\n\n" + types.text + "\n"
  }

  private var facts: [(String, String)] {
    let model = files.configuration
    let context = "\(model.contextLength) positions, rope theta \(model.rope.theta)"
    return [
      ("format", files.kind.rawValue), ("architecture", model.architecture),
      ("layers", "\(model.layers)"), ("hidden", "\(model.hidden)"),
      ("intermediate", "\(model.intermediate)"),
      ("heads", "\(model.queryHeads) query, \(model.keyHeads) key, of \(model.headDimension)"),
      ("vocabulary", "\(model.vocabulary)\(model.tiedEmbedding ? ", head tied" : "")"),
      ("context", context), ("tokenizer", tokenizerFact), ("chat template", chatFact),
      ("cache", cacheFact),
    ] + (files.warnings + files.notes).map { ("note", $0) }
  }

  private var tokenizerFact: String {
    switch tokenizer {
    case .success(let tokenizer):
      "\(tokenizer.preTokenizer)\(tokenizer.namesPreTokenizer ? "" : " (not named by the file)"), "
        + "\(tokenizer.vocabularySize) tokens, "
        + "\(tokenizer.specialTokens.count) special"
    case .failure(let error): "none (\(error))"
    }
  }

  private var chatFact: String {
    guard case .success(let tokenizer) = tokenizer, tokenizer.chatTemplateSource != nil else {
      return "none"
    }
    do {
      switch try tokenizer.chatTemplate() {
      case .chatML(let system): return "ChatML" + (system == nil ? "" : ", with a system message")
      }
    } catch {
      return "not usable (\(error))"
    }
  }

  private var cacheFact: String {
    bytesPerToken.enumerated().map { index, item in
      "\(item.bytes)\(index == 0 ? " bytes per token" : "") as \(item.format.rawValue)"
    }.joined(separator: ", ")
  }

  /// Bytes of a token's keys and values over all lanes, in each row format that the model's heads
  /// can have.
  private var bytesPerToken: [(format: RowFormat, bytes: Int)] {
    let shape = files.configuration.cacheShape
    return RowFormat.allCases.compactMap { format in
      (try? format.rowBytes(headDimension: shape.headDimension)).map {
        (format, 2 * shape.lanes * $0)
      }
    }
  }

  /// The tensors, elements and bytes of one type.
  private typealias Total = (type: TensorType, tensors: Int, elements: Int, bytes: Int)

  private var totals: [Total] {
    TensorType.allCases.compactMap { type in
      let tensors = files.tensors.filter { $0.type == type }
      guard !tensors.isEmpty else { return nil }
      return (
        type, tensors.count, tensors.reduce(0) { $0 + $1.shape.reduce(1, *) },
        tensors.reduce(0) { $0 + $1.bytes }
      )
    }
  }
}

extension ModelPage {
  /// The page as JSON.
  var json: JSONValue {
    let model = files.configuration
    return [
      "model": .string(name), "format": .string(files.kind.rawValue),
      "architecture": .string(model.architecture), "layers": JSONValue(model.layers),
      "hidden": JSONValue(model.hidden), "intermediate": JSONValue(model.intermediate),
      "queryHeads": JSONValue(model.queryHeads), "keyHeads": JSONValue(model.keyHeads),
      "headDimension": JSONValue(model.headDimension), "vocabulary": JSONValue(model.vocabulary),
      "contextLength": JSONValue(model.contextLength), "ropeTheta": .number(model.rope.theta),
      "tiedEmbedding": .bool(model.tiedEmbedding),
      "bytesPerToken": .object(
        Dictionary(
          uniqueKeysWithValues: bytesPerToken.map { ($0.format.rawValue, JSONValue($0.bytes)) })),
      "tokenizer": tokenizerJSON, "chatTemplate": .string(chatFact),
      "warnings": .array(files.warnings.map { .string($0) }),
      "notes": .array(files.notes.map { .string($0) }),
      "tensorTypes": .array(
        totals.map { total in
          [
            "type": .string(total.type.rawValue), "tensors": JSONValue(total.tensors),
            "elements": JSONValue(total.elements), "bytes": JSONValue(total.bytes),
          ]
        }),
      "tensors": .array(
        files.tensors.map { tensor in
          [
            "name": .string(tensor.name), "type": .string(tensor.type.rawValue),
            "shape": .array(tensor.shape.map { JSONValue($0) }), "bytes": JSONValue(tensor.bytes),
          ]
        }),
    ]
  }

  private var tokenizerJSON: JSONValue {
    guard case .success(let tokenizer) = tokenizer else { return .null }
    return [
      "preTokenizer": .string(tokenizer.preTokenizer),
      "preTokenizerIsNamed": .bool(tokenizer.namesPreTokenizer),
      "vocabulary": JSONValue(tokenizer.vocabularySize),
      "specialTokens": JSONValue(tokenizer.specialTokens.count),
      "bosToken": tokenizer.bosToken.map { JSONValue($0) } ?? .null,
      "eosTokens": .array(tokenizer.eosTokens.map { JSONValue($0) }),
      "addsBOS": .bool(tokenizer.addsBOS),
    ]
  }
}
